import { type Test, test } from 'tap'
import { runReseal } from '../../commands/reseal.ts'
import { createSealer } from '../../lib/crypto/sealer.ts'
import { createEmbeddedStore } from '../../lib/store/sqlite/store.ts'
import type { GrantRecord, Store } from '../../lib/store/store.ts'
import { openUpstream, sealUpstream } from '../../lib/upstream/sealed-tokens.ts'
import { makeGrant } from '../lib/store/store-samples.ts'
import { registerClient, type Tokens } from '../support/client.ts'
import { createContext, KEYS, SETTINGS, spawnCommand } from '../support/command.ts'
import { postMcp } from '../support/mcp.ts'
import { startService } from '../support/service.ts'
import { startServiceWithStore } from '../support/shared-store.ts'

const [OLD, NEW, LOST] = ['o'.repeat(32), 'n'.repeat(32), 'l'.repeat(32)]
const NO_SENTRY = { host: '127.0.0.1:1', clientId: 'id', clientSecret: 'secret' }

test('ENCRYPTION_KEY can be rolled without a new sign-in', async (t) => {
  const before = await startServiceWithStore(t, { settings: { ...KEYS, ENCRYPTION_KEY: OLD } })
  const { sentry, store } = before
  const client = await registerClient(before.url)
  const tokens = await client.signIn()
  const unredeemed = (await client.authorize()).searchParams.get('code') ?? ''
  const start = (ENCRYPTION_KEY: string) =>
    startService(t, { settings: { ...before.settings, ENCRYPTION_KEY }, sharedSentry: sentry })

  const rolling = await start(`${NEW},${OLD}`)
  const context = createContext(store, sentry, [NEW, OLD])
  t.equal(await runReseal(context), true)
  t.match(context.output, [
    'resealed with the first key: 2',
    'already sealed with the first key: 0',
    /remove them from ENCRYPTION_KEY/,
  ])
  context.output.length = 0
  t.equal(await runReseal(context), true)
  t.match(context.output, ['resealed with the first key: 0', 'already sealed with the first key: 2'], 'again')

  const after = await start(NEW)
  t.equal((await postMcp(`${after.url}/mcp`, tokens.access_token, 'tools/list')).status, 200)
  const post = (body: Record<string, string>, { url } = after) =>
    fetch(`${url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: client.id, ...body }),
    })
  const refreshed = await post({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })
  t.equal(refreshed.status, 200)
  const form = { grant_type: 'authorization_code', code: unredeemed, code_verifier: client.verifier }
  // A code lasts a minute: it is a sign-in in progress, which still needs the old key.
  const redeemed = await post(form, rolling)
  const { access_token } = (await redeemed.json()) as Tokens
  t.equal((await postMcp(`${after.url}/mcp`, access_token, 'tools/list')).status, 200)
})

test('grants that no key opens stay unchanged, and the old keys are still needed', async (t) => {
  const { store, write, read } = openStore(t)
  const [lost, old] = [await write(LOST), await write(OLD)]
  const context = createContext(store, NO_SENTRY, [NEW, OLD])
  t.equal(await runReseal(context), false)
  t.match(context.output, [
    'resealed with the first key: 1',
    'already sealed with the first key: 0',
    'sealed with a key that is not in ENCRYPTION_KEY: 1',
    /Add the missing key/,
  ])
  t.equal(await read(lost, LOST), 'access')
  t.equal(await read(old, NEW), 'access')
})

test('tokens renewed during a reseal are kept, and resealed too', async (t) => {
  const { store, write, read } = openStore(t)
  const grant = await write(OLD)
  const renewed = seal('renewed', grant, OLD)
  const context = createContext(
    {
      ...store,
      async replaceSealedUpstream(...args) {
        await store.commitUpstream(grant.id, 0, renewed)
        return store.replaceSealedUpstream(...args)
      },
    },
    NO_SENTRY,
    [NEW, OLD],
  )
  t.equal(await runReseal(context), true)
  t.equal(await read(grant, NEW), 'renewed')
})

test('an instance that still seals with the old key is reported', async (t) => {
  const { store, write } = openStore(t)
  const grant = await write(OLD)
  let generation = 0
  const context = createContext(
    {
      ...store,
      async scanGrants(cursor) {
        await store.commitUpstream(grant.id, generation, seal('renewed', grant, OLD))
        generation += 1
        return store.scanGrants(cursor)
      },
    },
    NO_SENTRY,
    [NEW, OLD],
  )
  t.equal(await runReseal(context), false)
  t.match(context.output.slice(2), [/sealed with an older key in the meantime: 1/, /Restart it/])
})

test('the exit code is 0 when the old keys can be removed, 1 when not, 2 for wrong arguments', async (t) => {
  const { store, write, directory } = openStore(t)
  await write(OLD)
  await store.close()
  const run = (ENCRYPTION_KEY: string, ...args: string[]) =>
    spawnCommand('reseal', args, { ...SETTINGS, STORE: 'embedded', DATA_DIR: directory, ENCRYPTION_KEY })
  t.match(await run(NEW), { code: 1, stdout: /a key that is not in ENCRYPTION_KEY/ })
  t.match(await run(`${NEW},${OLD}`), { code: 0, stdout: /resealed with the first key: 1/, stderr: '' })
  t.match(await run(NEW, '--now'), { code: 2, stdout: '', stderr: /Usage/ })
})

function openStore(t: Test) {
  const directory = t.testdir({})
  const store = createEmbeddedStore({ directory })
  t.teardown(() => store.close().catch(() => undefined))
  return {
    directory,
    store: store as Store,
    async write(key: string): Promise<GrantRecord> {
      const grant = makeGrant()
      const written = { ...grant, upstream: { ...grant.upstream, ...seal('access', grant, key) } }
      await store.createGrant(written, 60_000)
      return written
    },
    async read({ id }: GrantRecord, key: string): Promise<string> {
      const grant = await store.readGrant(id)
      if (grant === undefined) throw new Error('There is no such grant.')
      return openUpstream(grant, createSealer([key])).accessToken
    },
  }
}

function seal(accessToken: string, grant: GrantRecord, key: string) {
  const tokens = {
    accessToken,
    refreshToken: 'refresh',
    expiresAt: undefined,
    scope: undefined,
    userId: '1001',
  }
  return sealUpstream(tokens, grant, createSealer([key]))
}
