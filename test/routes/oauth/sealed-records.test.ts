import { readFileSync } from 'node:fs'
import { type Test, test } from 'tap'
import { hashToken } from '../../../lib/crypto/hash.ts'
import { createKeyPrefix, createKeys } from '../../../lib/store/keys.ts'
import { registerClient, type TestClient, type Tokens } from '../../support/client.ts'
import { postMcp } from '../../support/mcp.ts'
import { type ServiceWithStore, startServiceWithStore } from '../../support/shared-store.ts'

// A writer of Redis has everything in it, and neither ENCRYPTION_KEY nor JWT_SIGNING_KEY.

async function start(t: Test) {
  const service = await startServiceWithStore(t)
  return { ...service, keys: createKeys(createKeyPrefix(service.url)) }
}

/** Signs in with one skill and one scope. */
async function signInNarrowly(client: TestClient): Promise<Tokens> {
  return client.signIn({ scope: 'org:read' })
}

function readGrantId({ access_token }: Tokens): string {
  const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString())
  return claims.jti.split('.')[0]
}

const listTools = ({ url }: ServiceWithStore, tokens: Tokens) =>
  postMcp(`${url}/mcp`, tokens.access_token, 'tools/list')

test('a grant whose terms were changed in the store opens nothing, and works again when they are back', async (t) => {
  const service = await start(t)
  const { redis, keys } = service
  const client = await registerClient(service.url)
  const tokens = await signInNarrowly(client)
  const key = keys.grant(readGrantId(tokens))
  t.equal((await listTools(service, tokens)).status, 200)

  const changes: Record<string, unknown> = {
    skills: ['inspect', 'seer', 'triage', 'project-management'],
    scope: ['org:read', 'project:admin'],
    resource: `${service.url}/mcp/acme`,
    subject: '1002',
    clientName: 'Another client',
    clientAuthMethod: 'private_key_jwt',
    emailHash: 'a'.repeat(28),
    organizationId: '7',
    createdAt: 1,
    expiresAt: 4_102_444_800_000,
  }
  const before = (await redis.hget(key, 'terms')) ?? ''
  for (const [name, value] of Object.entries(changes)) {
    await redis.hset(key, 'terms', changeTerm(before, name, value))
    t.equal((await listTools(service, tokens)).status, 503, `${name} at a call`)
    const refreshed = await client.refresh(tokens.refresh_token)
    t.equal(refreshed.status, 503, `${name} at a refresh`)
    t.match(await refreshed.json(), { error: 'temporarily_unavailable' })
    await redis.hset(key, 'terms', before)
  }
  t.equal((await listTools(service, tokens)).status, 200, 'rolling back remains possible')
  t.equal((await client.refresh(tokens.refresh_token)).status, 200)
  t.match(service.log.join(''), /altered or belongs to another context/, 'the operator learns of it')
})

test('a grant that was moved to another id or another client opens nothing', async (t) => {
  const service = await start(t)
  const { redis, keys } = service
  const [victim, attacker] = [
    await registerClient(service.url),
    await registerClient(service.url, 'http://127.0.0.1:41997/cb'),
  ]
  const [theirs, own] = [await victim.signIn(), await signInNarrowly(attacker)]
  const stolen = await redis.hgetall(keys.grant(readGrantId(theirs)))
  const { hash, terms = '', ...content } = stolen
  await redis.hset(keys.grant(readGrantId(own)), {
    ...content,
    terms: changeTerm(terms, 'clientId', attacker.id),
  })
  t.equal((await listTools(service, own)).status, 503)
  t.equal((await attacker.refresh(own.refresh_token)).status, 503)
  t.ok(hash)
  t.equal((await listTools(service, theirs)).status, 200, 'the original is untouched')
})

test('a code whose record was changed in the store, or points to another grant, is refused', async (t) => {
  const service = await start(t)
  const { redis, keys } = service
  const victim = await registerClient(service.url)
  const attacker = await registerClient(service.url, 'http://127.0.0.1:41997/cb')
  const issue = async (client: TestClient) => {
    const code = (await client.authorize()).searchParams.get('code') ?? ''
    return { code, key: keys.code(hashToken(code)) }
  }
  const theirs = await issue(victim)
  const record = await redis.hgetall(theirs.key)
  const redirected: [string, Record<string, string>][] = [
    ['the grant of another user', { grant_id: record.grant_id ?? '' }],
    ['a bare grant id', { grant_id: 'x'.repeat(43) }],
    ['another resource', { resource: `${service.url}/mcp/acme` }],
  ]
  for (const [what, fields] of redirected) {
    const own = await issue(attacker)
    await redis.hset(own.key, fields)
    const resource = fields.resource ?? `${service.url}/mcp`
    const response = await attacker.redeem(own.code, { resource })
    t.equal(response.status, 503, what)
    t.notMatch(await response.text(), /access_token/)
  }
  // The code of the victim, for the attacker's client, verifier and redirect URI.
  await redis.hset(theirs.key, {
    client_id: attacker.id,
    code_challenge: hashToken(attacker.verifier),
    redirect_uri_hash: hashToken(attacker.redirectUri),
  })
  t.equal((await attacker.redeem(theirs.code)).status, 503)
  await redis.hset(theirs.key, record)
  t.equal((await victim.redeem((await issue(victim)).code)).status, 200)
})

test('a transaction that was moved to another browser is refused (CVE-2026-27124)', async (t) => {
  const { url, redis, keys } = await start(t)
  const client = await registerClient(url)
  const arrival = await client.open()
  if (arrival.kind !== 'page') return t.fail('the consent page is shown')
  const transaction = /name="transaction" value="([\w-]+)"/.exec(arrival.page.html)?.[1] ?? ''
  const secret = 'v'.repeat(43)
  await redis.hset(keys.transaction(hashToken(transaction)), {
    browser_hash: hashToken(secret),
    stage: 'approved',
  })
  const response = await fetch(`${url}/oauth/callback?code=x&state=${transaction}`, {
    headers: { cookie: `sentry-mcp-tx-${hashToken(transaction).slice(0, 10)}=${secret}` },
    redirect: 'manual',
  })
  t.equal(response.status, 503)
  t.equal(response.headers.get('location'), null)
})

test('SECURITY.md says what a writer of the store can still do', async (t) => {
  const text = readFileSync(new URL('../../../SECURITY.md', import.meta.url), 'utf8')
  t.match(text, /### Write access to the store[\s\S]*earlier state/)
})

/** In their order in Redis (docs/storage.md). Behind them is an object of those that not every grant has. */
const TERMS = [
  ...['clientId', 'subject', 'expiresAt', 'clientName', 'clientAuthMethod', 'resource'],
  ...['scope', 'skills', 'createdAt'],
]

function changeTerm(terms: string, name: string, value: unknown): string {
  const list: unknown[] = JSON.parse(terms)
  const index = TERMS.indexOf(name)
  const optional = { ...(list.at(-1) as object), [name]: value }
  return JSON.stringify(index === -1 ? list.with(-1, optional) : list.with(index, value))
}
