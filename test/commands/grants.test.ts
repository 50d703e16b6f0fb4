import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { parseGrantsArguments, runGrants } from '../../commands/grants.ts'
import { createSealer } from '../../lib/crypto/sealer.ts'
import { createSigner } from '../../lib/crypto/signer.ts'
import { hashEmail } from '../../lib/oauth/token/grant.ts'
import { createEmbeddedStore } from '../../lib/store/sqlite/store.ts'
import { sealUpstream } from '../../lib/upstream/sealed-tokens.ts'
import { makeGrant } from '../lib/store/store-samples.ts'
import { registerClient } from '../support/client.ts'
import { createContext, KEYS, SETTINGS, spawnCommand } from '../support/command.ts'
import { readAuditLines } from '../support/log.ts'
import { postMcp } from '../support/mcp.ts'
import { startServiceWithStore } from '../support/shared-store.ts'

const OLE = { id: '2002', name: 'Ole Brandt', email: 'ole@lantern.example' }

/** A service with two grants of user 1001 for one client, and one of user 2002 for another. */
async function start(t: Test) {
  const service = await startServiceWithStore(t, { settings: KEYS })
  const { url, sentry, store } = service
  const client = await registerClient(url)
  const mine = [await client.signIn(), await client.signIn()]
  sentry.setUser(OLE)
  const other = await registerClient(url, 'http://127.0.0.1:41997/callback')
  const theirs = await other.signIn()
  const context = createContext(store, sentry)
  const grants = async (...args: string[]) => {
    await runGrants(parseGrantsArguments(args), context)
    return context.output.splice(0)
  }
  const isSignedIn = async (token: string) =>
    (await postMcp(`${url}/mcp`, token, 'tools/list')).status === 200
  return { ...service, client, other, mine, theirs, context, grants, isSignedIn }
}

test('list prints every grant, or those of a user or client', async (t) => {
  const { url, client, grants, store } = await start(t)
  const all = await grants('list')
  t.equal(all.at(-1), '3 grants')
  t.match(
    all[0],
    /^[\w-]{16} {2}user 2002 {2}"Test client" {2}http:\S+\/mcp {2}created \d{4}-\d\d-\d\dT\d\d:\d\dZ {2}used /,
    'newest first',
  )
  const count = async (...args: string[]) => (await grants('list', ...args)).at(-1)
  t.equal(await count('--user', '1001'), '2 grants')
  t.equal(await count('--client', client.id), '2 grants')
  t.equal(await count('--client', 'Test client'), '3 grants', 'a client by its name')
  t.equal(await count('--client', 'Test client', '--user', '2002'), '1 grant', 'both options must match')
  t.equal(await count('--user', '4711'), '0 grants')

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
  t.notMatch(line, /v1\.|sntry/, 'without secrets')
  t.same(rest, [], 'JSON output has grants only')
})

test('revoke ends the selected grants, here and at Sentry, and prints them', async (t) => {
  const { grants, mine, theirs, isSignedIn, sentry, store, client, context } = await start(t)
  const [first] = await store.listGrants('1001')
  const one = await grants('revoke', '--grant', first?.id ?? '')
  t.match(one, [new RegExp(`^revoked ${first?.id} {2}user 1001`), '1 grant revoked'])
  t.equal((await store.listGrants('1001')).length, 1)
  t.ok(await isSignedIn(theirs.access_token))

  t.equal((await grants('revoke', '--client', client.id)).at(-1), '1 grant revoked')
  for (const { access_token } of mine) t.notOk(await isSignedIn(access_token))
  t.ok(await isSignedIn(theirs.access_token), 'other grants stay')

  t.equal((await grants('revoke', '--user', '2002')).at(-1), '1 grant revoked')
  t.notOk(await isSignedIn(theirs.access_token))
  const revocations = sentry.requests.filter(({ path }) => path === '/oauth/revoke/')
  t.same(
    revocations.map(({ status }) => status),
    [200, 200, 200],
  )
  t.same(await grants('revoke', '--user', '2002'), ['0 grants revoked'])
  t.equal(context.audited.length, 3)
  t.match(context.audited[0], { event: 'grant_revoked', reason: 'operator_request', request_id: undefined })
})

test('an e-mail address finds its user, is neither stored nor printed, and revoking asks', async (t) => {
  const service = await start(t)
  const { grants, store, sentry, redis, url, context } = service
  // The address has changed since the first two sign-ins of this user.
  sentry.setUser({ id: '1001', name: 'Mara Lindqvist', email: 'Mara.New@Tidewater.example' })
  await (await registerClient(url)).signIn()
  const [user, ...listed] = await grants('list', '--email', ' mara.new@TIDEWATER.example')
  t.equal(user, 'This is the address of user 1001.')
  t.equal(listed.at(-1), '3 grants', 'also those from before the change')
  const json = (await grants('list', '--email', OLE.email, '--json')).join()
  t.match(json, /"subject":"2002"/)
  const records = await Promise.all((await redis.keys('*:grant:*')).map((key) => redis.hgetall(key)))
  t.notMatch(JSON.stringify([records, json, listed, service.log, context.audited]), /@|mara\.new/i)

  t.same(await grants('list', '--email', 'nobody@tidewater.example'), [
    'No grant is known to be of a user with this address.',
    '0 grants',
  ])
  const asked = await grants('revoke', '--email', OLE.email)
  t.match(asked, [/user 2002/, /user 2002/, /^Nothing was revoked/])
  t.same(context.questions, ['Revoke 1 grant?'])
  t.equal((await store.listGrants('2002')).length, 1)
  t.equal((await grants('revoke', '--email', OLE.email, '--yes')).at(-1), '1 grant revoked')
  t.equal((await store.listGrants('2002')).length, 0)
  t.match(await grants('revoke', '--all'), [/^Nothing was revoked/])
  t.equal(context.questions.at(-1), 'Revoke 3 grants?')
  t.equal((await grants('revoke', '--all', '--yes')).at(-1), '3 grants revoked')
})

test('grants that cannot be compared with an address are counted, so that a 0 is not trusted', async (t) => {
  const directory = t.testdir({})
  const settings = { ...SETTINGS, STORE: 'embedded', DATA_DIR: directory }
  const store = createEmbeddedStore({ directory })
  t.teardown(() => store.close())
  const hashed = createSigner(['o'.repeat(32)])
  await store.createGrant(makeGrant({ subject: '1' }), 60_000)
  await store.createGrant(makeGrant({ subject: '2', emailHash: hashEmail('a@b.example', hashed) }), 60_000)
  const list = (keys: string) =>
    spawnCommand('grants', ['list', '--email', 'a@b.example'], { ...settings, JWT_SIGNING_KEY: keys })
  t.match((await list(KEYS.JWT_SIGNING_KEY)).stdout, /^No grant.*\n2 grants cannot be compared/)
  t.match(
    (await list(`${KEYS.JWT_SIGNING_KEY},${'o'.repeat(32)}`)).stdout,
    /of user 2\.\n1 grant cannot be compared/,
  )
})

test('hash prints the hashes of the audit log, without a lookup in the store', async (t) => {
  const { grants, log } = await start(t)
  const [line = ''] = await grants('hash', '--user', '1001')
  const { subject_hash, ...others } = JSON.parse(line)
  t.same(others, {})
  const lines = readAuditLines(log).filter((audited) => audited.subject_hash === subject_hash)
  t.equal(lines.length, 4, 'both sign-ins of that user')
})

test('revoke finds a grant whose authorization code is not redeemed yet', async (t) => {
  const { client, grants } = await start(t)
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  t.equal((await grants('revoke', '--user', '2002')).at(-1), '2 grants revoked')
  t.equal((await client.redeem(code)).status, 400)
})

test('wrong arguments print the usage and exit with 2', async (t) => {
  const wrong = [
    [],
    ['remove'],
    ['list', 'more'],
    ['list', '--nonsense'],
    ['revoke'],
    ['revoke', '--user'],
    ['revoke', '--json'],
    ['hash'],
    ['list', '--all'],
    ['revoke', '--all', '--user', '1001'],
  ]
  for (const args of wrong)
    t.throws(() => parseGrantsArguments(args), { name: 'UsageError', message: /Usage:\n {2}grants list/ })
  for (const args of [
    ['list', '--user', 'mara@tidewater.example'],
    ['revoke', '--user', 'mara'],
    ['list', '--email', 'mara'],
    ['hash', '--email', 'mara@tidewater.example'],
  ])
    t.throws(() => parseGrantsArguments(args), { name: 'UsageError' }, args.join(' '))
  t.throws(() => parseGrantsArguments(['list', '--user', 'a@b']), /number of a user at Sentry.*use --email/)
  const help = await spawnCommand('grants', ['--help'], {})
  t.match(help, { code: 0, stdout: /^Usage:\n {2}grants list/, stderr: '' })
  const { code, stdout, stderr } = await spawnCommand('grants', ['revoke'], {})
  t.match({ code, stdout }, { code: 2, stdout: '' }, 'before the settings are read')
  t.match(stderr, /Usage:/)
})

test('an unavailable store is an error, not an empty list', async (t) => {
  const settings = { ...SETTINGS, REDIS_URL: 'redis://127.0.0.1:1' }
  const { code, stdout, stderr } = await spawnCommand('grants', ['list'], settings)
  t.match({ code, stdout }, { code: 1, stdout: '' })
  t.match(stderr, /127\.0\.0\.1:1 is not available[\s\S]*The store is unavailable/)
  t.notMatch(stderr, /^ +at /m, 'without a stack')
})

test('grants as a process works beside the service that uses the embedded store', async (t) => {
  const directory = t.testdir({})
  const settings = { ...SETTINGS, STORE: 'embedded', DATA_DIR: directory }
  const store = createEmbeddedStore({ directory })
  t.teardown(() => store.close())
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
    return { ...grant, upstream: { ...grant.upstream, ...sealUpstream(tokens, grant, sealer) } }
  })
  for (const grant of grants) await store.createGrant(grant, 60_000)
  const listed = await spawnCommand('grants', ['list'], settings)
  t.match(listed, { code: 0, stdout: /3 grants\n$/ })
  t.notOk(listed.stdout.includes('\u001b'), 'a client name cannot send control characters')
  const revoked = await spawnCommand('grants', ['revoke', '--user', '2002'], settings)
  t.match(revoked, { code: 0, stdout: /1 grant revoked\n$/ }, 'also while Sentry is unavailable')
  t.equal((await store.readGrant(grants[2]?.id ?? ''))?.status, 'revoked', 'the service sees it at once')
  await store.touchGrant(grants[0]?.id ?? '')
  const [audited, warning] = revoked.stderr.trim().split('\n')
  t.match(
    JSON.parse(audited ?? ''),
    { audit: true, event: 'grant_revoked' },
    'without AUDIT_FILE the audit entry goes to stderr',
  )
  t.match(warning, /could not be revoked there/)

  const AUDIT_FILE = join(directory, 'audit.log')
  await spawnCommand('grants', ['revoke', '--user', '1001'], { ...settings, AUDIT_LOG: 'file', AUDIT_FILE })
  t.equal(readFileSync(AUDIT_FILE, 'utf8').trim().split('\n').length, 2, 'with AUDIT_FILE to that file')
})
