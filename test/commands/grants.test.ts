import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { readGrantsCommand, runGrantsCommand } from '../../commands/grants.ts'
import { createSealer } from '../../lib/crypto/sealer.ts'
import { createEmbeddedStore } from '../../lib/store/sqlite/store.ts'
import { sealUpstream } from '../../lib/upstream/sealed-tokens.ts'
import { makeGrant } from '../lib/store/store-samples.ts'
import { registerClient } from '../support/client.ts'
import { createParts, KEYS, SETTINGS, spawnCommand } from '../support/command-parts.ts'
import { readAuditLines } from '../support/log.ts'
import { postMcp } from '../support/mcp.ts'
import { startServiceWithStore } from '../support/shared-store.ts'

const OLE = { id: '2002', name: 'Ole Brandt', email: 'ole@lantern.example' }

/** A service with two grants of Mara's for one client, and one of Ole's for another. */
async function start(t: Test) {
  const service = await startServiceWithStore(t, { settings: KEYS })
  const { url, sentry, store } = service
  const client = await registerClient(url)
  const mine = [await client.signIn(), await client.signIn()]
  sentry.setUser(OLE)
  const other = await registerClient(url, 'http://127.0.0.1:41997/callback')
  const theirs = await other.signIn()
  const parts = createParts(store, sentry)
  const grants = async (...args: string[]) => {
    await runGrantsCommand(parts, readGrantsCommand(args))
    return parts.output.splice(0)
  }
  const isSignedIn = async (token: string) =>
    (await postMcp(`${url}/mcp`, token, 'tools/list')).status === 200
  return { ...service, client, other, mine, theirs, parts, grants, isSignedIn }
}

test('list: every grant, or those of a user or client', async (t) => {
  const { url, client, grants, store } = await start(t)
  const all = await grants('list')
  t.equal(all.at(-1), '3 grants')
  t.match(
    all[0],
    /^[\w-]{43} {2}user 2002 {2}"Test client" {2}http:\S+\/mcp {2}created \d{4}-\d\d-\d\dT\d\d:\d\dZ {2}used /,
    'newest first',
  )
  const count = async (...args: string[]) => (await grants('list', ...args)).at(-1)
  t.equal(await count('--user', '1001'), '2 grants')
  t.equal(await count('--client', client.id), '2 grants')
  t.equal(await count('--client', 'Test client'), '3 grants', 'a client may be named')
  t.equal(await count('--client', 'Test client', '--user', '2002'), '1 grant', 'both must be true')
  t.equal(await count('--user', 'nobody'), '0 grants')

  const [line = '', ...rest] = await grants('list', '--user', '2002', '--json')
  const [grant] = await store.listGrants('2002')
  t.match(JSON.parse(line), {
    id: grant?.id,
    clientName: 'Test client',
    subject: '2002',
    resource: `${url}/mcp`,
    status: 'active',
    created: /^\d{4}-/,
    grant_hash: /^[\w-]{28}$/,
  })
  t.notMatch(line, /v1\.|sntry/, 'and no secret')
  t.same(rest, [], 'a program reads nothing but grants')
})

test('revoke: ends what is chosen, here and at Sentry, and says so', async (t) => {
  const { grants, mine, theirs, isSignedIn, sentry, store, client, parts } = await start(t)
  const [first] = await store.listGrants('1001')
  const one = await grants('revoke', '--grant', first?.id ?? '')
  t.match(one, [new RegExp(`^revoked ${first?.id} {2}user 1001`), '1 grant revoked'])
  t.equal((await store.listGrants('1001')).length, 1)
  t.ok(await isSignedIn(theirs.access_token))

  t.equal((await grants('revoke', '--client', client.id)).at(-1), '1 grant revoked')
  for (const { access_token } of mine) t.notOk(await isSignedIn(access_token))
  t.ok(await isSignedIn(theirs.access_token), 'nobody else is concerned')

  t.equal((await grants('revoke', '--user', '2002')).at(-1), '1 grant revoked')
  t.notOk(await isSignedIn(theirs.access_token))
  const revocations = sentry.requests.filter(({ path }) => path === '/oauth/revoke/')
  t.same(
    revocations.map(({ status }) => status),
    [200, 200, 200],
  )
  t.same(await grants('revoke', '--user', '2002'), ['0 grants revoked'])
  t.equal(parts.audited.length, 3)
  t.match(parts.audited[0], { event: 'grant_revoked', reason: 'operator_request', request_id: undefined })
})

test('hash: how the audit log names somebody, also when nothing of theirs is left', async (t) => {
  const { grants, log } = await start(t)
  const [line = ''] = await grants('hash', '--user', '1001')
  const { subject_hash, ...others } = JSON.parse(line)
  t.same(others, {})
  const lines = readAuditLines(log).filter((audited) => audited.subject_hash === subject_hash)
  t.equal(lines.length, 4, 'both sign-ins of that user')
})

test('a grant whose client has not redeemed its code yet is found too', async (t) => {
  const { client, grants } = await start(t)
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  t.equal((await grants('revoke', '--user', '2002')).at(-1), '2 grants revoked')
  t.equal((await client.redeem(code)).status, 400)
})

test('a command that makes no sense is told how it is used', async (t) => {
  const wrong = [
    [],
    ['remove'],
    ['list', 'more'],
    ['list', '--nonsense'],
    ['revoke'],
    ['revoke', '--user'],
    ['revoke', '--json'],
    ['hash'],
  ]
  for (const args of wrong)
    t.throws(() => readGrantsCommand(args), { name: 'UsageError', message: /Usage:\n {2}grants list/ })
  const { code, stdout, stderr } = await spawnCommand('grants', ['revoke'], {})
  t.match({ code, stdout }, { code: 2, stdout: '' }, 'before anything else is looked at')
  t.match(stderr, /Usage:/)
})

test('a store that is away is no empty list', async (t) => {
  const settings = { ...SETTINGS, REDIS_URL: 'redis://127.0.0.1:1' }
  const { code, stdout, stderr } = await spawnCommand('grants', ['list'], settings)
  t.match({ code, stdout }, { code: 1, stdout: '' })
  t.match(stderr, /127\.0\.0\.1:1 is not available[\s\S]*The store is unavailable/)
  t.notMatch(stderr, /^ +at /m, 'without a stack')
})

test('as a process on the embedded store, once the service is stopped', async (t) => {
  const directory = t.testdir({})
  const settings = { ...SETTINGS, STORE: 'embedded', DATA_DIR: directory }
  const store = createEmbeddedStore({ directory })
  const sealer = createSealer([KEYS.ENCRYPTION_KEY])
  const tokens = {
    accessToken: 'a',
    refreshToken: 'r',
    expiresAt: undefined,
    scope: undefined,
    userId: '1001',
  }
  const grants = ['1001', '1001', '2002'].map((subject) => {
    const grant = makeGrant({ subject, clientName: '\u001b[31mred' })
    return { ...grant, upstream: { ...grant.upstream, ...sealUpstream(tokens, grant.id, sealer) } }
  })
  for (const grant of grants) await store.createGrant(grant, 60_000)
  const busy = await spawnCommand('grants', ['list'], settings)
  t.equal(busy.code, 1)
  t.match(busy.stderr, /in use by another process[\s\S]*stop the service first/)
  await store.close()

  const listed = await spawnCommand('grants', ['list'], settings)
  t.match(listed, { code: 0, stdout: /3 grants\n$/ })
  t.notOk(listed.stdout.includes('\u001b'), 'a name cannot steer a terminal')
  const revoked = await spawnCommand('grants', ['revoke', '--user', '2002'], settings)
  t.match(revoked, { code: 0, stdout: /1 grant revoked\n$/ }, 'also while Sentry is away')
  const [audited, complaint] = revoked.stderr.trim().split('\n')
  t.match(JSON.parse(audited ?? ''), { audit: true, event: 'grant_revoked' }, 'its audit line is on stderr')
  t.match(complaint, /could not be revoked there/)

  const AUDIT_FILE = join(directory, 'audit.log')
  await spawnCommand('grants', ['revoke', '--user', '1001'], { ...settings, AUDIT_LOG: 'file', AUDIT_FILE })
  t.equal(readFileSync(AUDIT_FILE, 'utf8').trim().split('\n').length, 2, 'or in the file of the audit log')
})
