import { mock } from 'node:test'
import { type Test, test } from 'tap'
import { hashToken } from '../../../lib/crypto/hash.ts'
import { createKeyPrefix, createKeys } from '../../../lib/store/keys.ts'
import { registerClient, type Tokens } from '../../support/client.ts'
import { listEvents } from '../../support/log.ts'
import { postMcp } from '../../support/mcp.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../../support/service.ts'
import { startServiceWithStore } from '../../support/shared-store.ts'

const listTools = (url: string, token: string) => postMcp(`${url}/mcp`, token, 'tools/list')

test('an invalid code or verifier is invalid_grant, a missing verifier invalid_request (RFC 6749 §5.2, CVE-2025-4144)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const other = await registerClient(url, 'http://127.0.0.1:41997/callback')
  const getCode = async () => (await client.authorize()).searchParams.get('code') ?? ''

  t.match(await (await client.redeem('made-up')).json(), { error: 'invalid_grant' })

  const code = await getCode()
  t.match(await (await other.redeem(code)).json(), { error: 'invalid_grant' }, 'another client')
  t.equal((await client.redeem(code)).status, 200, '… which could not burn it')

  const withoutVerifier = await client.requestToken({
    grant_type: 'authorization_code',
    code: await getCode(),
  })
  t.match(await withoutVerifier.json(), { error: 'invalid_request' }, 'no verifier (RFC 7636 §4.5)')
})

test('a wrong resource does not spend the code (RFC 8707 §2.2)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  const wrong = await client.redeem(code, { resource: 'https://evil.example/mcp' })
  t.match(await wrong.json(), { error: 'invalid_target' })
  const another = await client.redeem(code, { resource: `${url}/mcp/acme` })
  t.match(await another.json(), { error: 'invalid_target' }, 'a resource of this server that was not granted')
  t.equal((await client.redeem(code, { resource: `${url}/mcp` })).status, 200)
})

test('several resources are invalid_target and do not spend the code (RFC 8707 §2)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const twice = `${client.createAuthorizeUrl()}&${new URLSearchParams({ resource: `${url}/mcp/acme` })}`
  const refused = await client.browser.open(twice)
  t.match(refused, { kind: 'page', page: { status: 400, html: /error=invalid_target/ } })

  const code = (await client.authorize()).searchParams.get('code') ?? ''
  const redeem = (...resources: string[]) => {
    const form = new URLSearchParams({ grant_type: 'authorization_code', client_id: client.id, code })
    form.set('code_verifier', client.verifier)
    for (const resource of resources) form.append('resource', resource)
    return fetch(`${url}/oauth/token`, { method: 'POST', body: form })
  }
  t.match(await (await redeem(`${url}/mcp`, `${url}/mcp/acme`)).json(), { error: 'invalid_target' })
  t.equal((await redeem(`${url}/mcp`, `${url}/mcp`)).status, 200, 'the same one again is one')
})

test('no token outlives its grant, even with refreshes (GRANT_TTL)', async (t) => {
  const settings = { ...useEmbeddedStore(t), GRANT_TTL: '3600', ACCESS_TOKEN_TTL: '86400' }
  const { url } = await startService(t, { settings })
  const client = await registerClient(url)
  const first = await client.signIn()
  const claims = JSON.parse(Buffer.from(first.access_token.split('.')[1] ?? '', 'base64url').toString())
  t.ok(first.expires_in > 3500 && first.expires_in <= 3600)
  t.equal(claims.exp - claims.iat, first.expires_in)

  mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_500_000 })
  t.teardown(() => mock.timers.reset())
  const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens
  t.ok(second.expires_in > 0 && second.expires_in <= 100, 'a refresh moves no end')
  mock.timers.setTime(Date.now() + 101_000)
  t.equal((await listTools(url, second.access_token)).status, 401)
  t.match(await (await client.refresh(second.refresh_token)).json(), { error: 'invalid_grant' })
})

/** A code, and proofs that are wrong for it, by the error that each gets. */
async function issueCode(t: Test, settings: Record<string, string>) {
  const { url, log } = await startService(t, { settings })
  const client = await registerClient(url)
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  const wrong: [string, Record<string, string>][] = [
    ['invalid_grant', { code_verifier: 'w'.repeat(43) }],
    ['invalid_grant', { code_verifier: 'short' }],
    ['invalid_grant', { code_verifier: `${'w'.repeat(42)}!` }],
    ['invalid_request', { code_verifier: '' }],
    ['invalid_grant', { redirect_uri: 'http://127.0.0.1:41999/callback' }],
    ['invalid_grant', { redirect_uri: `${client.redirectUri}/` }],
    ['invalid_target', { resource: `${url}/mcp/acme` }],
    ['invalid_target', { resource: 'https://evil.example/mcp', code_verifier: 'w'.repeat(43) }],
    ['invalid_client', { client_id: 'unknown' }],
  ]
  const refuseAll = async () => {
    for (const [error, changes] of wrong)
      t.match(await (await client.redeem(code, changes)).json(), { error }, JSON.stringify(changes))
  }
  return { url, log, client, code, refuseAll }
}

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  test(`a wrong proof spends no code and ends no grant, before and after (RFC 7636 §4.6, wso2/product-is#8990, ${useStore.name})`, async (t) => {
    const { url, log, client, code, refuseAll } = await issueCode(t, await useStore(t))
    await refuseAll()
    const { access_token } = (await (await client.redeem(code)).json()) as Tokens
    await refuseAll()
    const other = await registerClient(url, 'http://127.0.0.1:41997/callback')
    const stolen = await other.redeem(code, { code_verifier: client.verifier })
    t.match(await stolen.json(), { error: 'invalid_grant' }, 'another client')
    t.equal((await listTools(url, access_token)).status, 200)
    t.notOk(listEvents(log).includes('code_replayed'))
  })

  test(`a code repeated after the first refresh ends its grant (OAuth 2.1 §4.1.3, ASVS 5.0 10.4.2, ${useStore.name})`, async (t) => {
    const { url, log, client, code, refuseAll } = await issueCode(t, await useStore(t))
    const first = (await (await client.redeem(code)).json()) as Tokens
    t.match(await (await client.redeem(code)).json(), { error: 'invalid_grant' })
    t.equal((await listTools(url, first.access_token)).status, 200, 'a repeat at once is a retry')
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens
    await refuseAll()
    t.equal((await listTools(url, second.access_token)).status, 200, 'a wrong proof still ends nothing')
    t.match(await (await client.redeem(code)).json(), { error: 'invalid_grant' })
    t.equal((await listTools(url, second.access_token)).status, 401)
    t.match(await (await client.refresh(second.refresh_token)).json(), { error: 'invalid_grant' })
    t.match(listEvents(log).slice(-2), ['code_replayed', 'grant_revoked: code_replayed'])
  })

  const redeemTimes = async (t: Test, count: number) => {
    const { url } = await startService(t, { settings: await useStore(t) })
    const client = await registerClient(url)
    const code = (await client.authorize()).searchParams.get('code') ?? ''
    const responses = await Promise.all(Array.from({ length: count }, () => client.redeem(code)))
    return { url, client, ...(await sortResponses(responses)) }
  }

  for (const count of [2, 20, 50]) {
    test(`of ${count} parallel redemptions exactly one succeeds, and its grant lives (RFC 6749 §10.5, mcp-use/mcp-use#1301, ${useStore.name})`, async (t) => {
      const { url, client, winners, losers } = await redeemTimes(t, count)
      t.equal(winners.length, 1)
      t.equal(losers, count - 1)
      t.equal((await listTools(url, winners[0]?.access_token ?? '')).status, 200)
      t.equal((await client.refresh(winners[0]?.refresh_token ?? '')).status, 200)
    })
  }

  test(`fifty parallel refreshes get the same successor (RFC 9700 §4.14.2, punkpeye/fastmcp#301, #313, ${useStore.name})`, async (t) => {
    const { url } = await startService(t, { settings: await useStore(t) })
    const client = await registerClient(url)
    const { refresh_token } = await client.signIn()
    const responses = await Promise.all(Array.from({ length: 50 }, () => client.refresh(refresh_token)))
    const tokens = (await Promise.all(responses.map((response) => response.json()))) as Tokens[]
    t.equal(new Set(tokens.map((token) => token.refresh_token)).size, 1)
    t.not(tokens[0]?.refresh_token, refresh_token)
    t.equal((await listTools(url, tokens[49]?.access_token ?? '')).status, 200)
  })
}

/** The tokens of those that succeeded, and how many got `invalid_grant`. */
async function sortResponses(responses: Response[]) {
  const bodies = (await Promise.all(responses.map((response) => response.json()))) as object[]
  const winners = bodies.filter((body): body is Tokens => 'access_token' in body)
  const losers = bodies.filter((body) => 'error' in body && body.error === 'invalid_grant').length
  return { winners, losers }
}

test('a code repeated within ten seconds is a retry, later an interception (OAuth 2.1 §4.1.3)', async (t) => {
  const { url, log } = await startService(t)
  const client = await registerClient(url)
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  const { access_token } = (await (await client.redeem(code)).json()) as Tokens
  mock.timers.setTime(Date.now() + 10_000)
  t.match(await (await client.redeem(code)).json(), { error: 'invalid_grant' })
  t.equal((await listTools(url, access_token)).status, 200)
  mock.timers.setTime(Date.now() + 1)
  t.match(await (await client.redeem(code)).json(), { error: 'invalid_grant' })
  t.equal((await listTools(url, access_token)).status, 401)
  t.match(listEvents(log).slice(-2), ['code_replayed', 'grant_revoked: code_replayed'])
})

test('on Redis the age of a spent code is by its clock, for every instance (OAuth 2.1 §4.1.3)', async (t) => {
  const { url, redis } = await startServiceWithStore(t)
  const client = await registerClient(url)
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  const { access_token } = (await (await client.redeem(code)).json()) as Tokens
  const key = createKeys(createKeyPrefix(url)).code(hashToken(code))
  await redis.hset(key, 'spent_at', Date.now() - 9_000)
  await client.redeem(code)
  t.equal((await listTools(url, access_token)).status, 200)
  await redis.hset(key, 'spent_at', Date.now() - 10_500)
  await client.redeem(code)
  t.equal((await listTools(url, access_token)).status, 401)
})

test('a refresh token rotates, reuse of an old one revokes the grant (RFC 9700 §4.14.2, jazzband/django-oauth-toolkit#702, #1617)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const first = await client.signIn()
  const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens
  const repeated = (await (await client.refresh(first.refresh_token)).json()) as Tokens
  t.equal(repeated.refresh_token, second.refresh_token, 'a lost response can be repeated')
  const third = (await (await client.refresh(second.refresh_token)).json()) as Tokens
  t.equal((await listTools(url, third.access_token)).status, 200)

  const reused = await client.refresh(first.refresh_token)
  t.equal(reused.status, 400)
  t.match(await reused.json(), { error: 'invalid_grant' }, 'older than the predecessor')
  t.equal((await listTools(url, third.access_token)).status, 401)
  t.match(await (await client.refresh(third.refresh_token)).json(), { error: 'invalid_grant' })
})

test('a forged refresh token revokes nothing (cloudflare/workers-oauth-provider#225)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const other = await registerClient(url, 'http://127.0.0.1:41997/callback')
  const tokens = await client.signIn()
  const [version, grant, , mac] = tokens.refresh_token.split('.')
  for (const forged of [`${version}.${grant}.${'A'.repeat(43)}.${mac}`, 'nonsense', tokens.access_token]) {
    t.match(await (await client.refresh(forged)).json(), { error: 'invalid_grant' })
  }
  t.match(
    await (await other.refresh(tokens.refresh_token)).json(),
    { error: 'invalid_grant' },
    'another client (RFC 6749 §6)',
  )
  t.equal((await listTools(url, tokens.access_token)).status, 200)
  t.equal((await client.refresh(tokens.refresh_token)).status, 200)
})

test('a refresh gets what it requests and was granted, never more (RFC 6749 §3.3 and §6, cloudflare/workers-oauth-provider#249, danny-avila/LibreChat#13412, github/copilot-cli#4464)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const tokens = await client.signIn({ scope: 'org:read project:read' })
  t.equal(tokens.scope, 'org:read project:read')
  const cases: [string, string][] = [
    ['org:read event:write', 'org:read'],
    ['org:read', 'org:read'],
    ['openid org:read offline_access', 'org:read'],
    ['project:read org:read project:read', 'project:read org:read'],
    ['  project:read  ', 'project:read'],
    [' ', 'org:read project:read'],
    ['', 'org:read project:read'],
  ]
  for (const [scope, granted] of cases) {
    const refreshed = (await (await client.refresh(tokens.refresh_token, { scope })).json()) as Tokens
    t.equal(refreshed.scope, granted, JSON.stringify(scope))
    tokens.refresh_token = refreshed.refresh_token
  }
  for (const scope of ['openid', 'event:write', 'ORG:READ', 'org:read,project:read', 'org'])
    t.match(
      await (await client.refresh(tokens.refresh_token, { scope })).json(),
      { error: 'invalid_scope' },
      scope,
    )
  t.equal((await client.refresh(tokens.refresh_token)).status, 200, 'a refused request spends no token')
})

test('a refresh may repeat the scope of the sign-in, also if Sentry granted less (RFC 6749 §5.1)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const { refresh_token, access_token } = await client.signIn({ scope: 'org:read openid' })
  const refreshed = await client.refresh(refresh_token, { scope: 'org:read openid' })
  t.match(await refreshed.json(), { scope: 'org:read' })
  t.equal((await listTools(url, access_token)).status, 200)
  const blank = await client.signIn({ scope: '  ' })
  t.ok(blank.scope.split(' ').length > 1, 'a blank scope is none')
})

test('a refresh token is not accepted as an access token (PrefectHQ/fastmcp#3524)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const tokens = await client.signIn()
  t.equal((await listTools(url, tokens.refresh_token)).status, 401)
})

test('a second sign-in of a client leaves the first intact (getsentry/sentry-mcp#924)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const first = await client.signIn()
  const second = await client.signIn()
  t.equal((await listTools(url, first.access_token)).status, 200)
  t.equal((await listTools(url, second.access_token)).status, 200)
})

test('a bad request gets a JSON error response (RFC 6749 §5.2)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const send = (body: string, type = 'application/x-www-form-urlencoded') =>
    fetch(`${url}/oauth/token`, { method: 'POST', headers: { 'content-type': type }, body })
  const id = `client_id=${client.id}`
  const wrong: [string, Response, number, string][] = [
    ['nothing', await send(''), 400, 'invalid_request'],
    ['no grant type', await send(id), 400, 'invalid_request'],
    ['a grant type that is invalid', await send(`${id}&grant_type=password`), 400, 'unsupported_grant_type'],
    ['an unknown client', await send('client_id=x&grant_type=refresh_token'), 401, 'invalid_client'],
    [
      'a parameter twice (§3.2)',
      await send(`${id}&grant_type=refresh_token&grant_type=x`),
      400,
      'invalid_request',
    ],
    ['JSON', await send('{"grant_type":"refresh_token"}', 'application/json'), 400, 'invalid_request'],
    ['text', await send(id, 'text/plain'), 400, 'invalid_request'],
    ['a secret, for a public client', await send(`${id}&client_secret=x`), 400, 'invalid_request'],
    ['too much', await send(`${id}&code=${'x'.repeat(20_000)}`), 400, 'invalid_request'],
  ]
  for (const [what, response, status, error] of wrong) {
    t.equal(response.status, status, what)
    t.match(response.headers.get('content-type'), /application\/json/, what)
    t.equal(response.headers.get('cache-control'), 'no-store', what)
    const body = (await response.json()) as object
    t.match(body, { error, error_description: String }, what)
    t.same(Object.keys(body).sort(), ['error', 'error_description'], what)
  }
})

test('every unsupported Content-Type gets an OAuth error (cloudflare/workers-oauth-provider#240)', async (t) => {
  const { url } = await startService(t)
  const types = [
    ...['', ';', '/', 'x', 'application', 'text/html', 'application/xml', 'application/json; charset=x'],
    ...['multipart/form-data', 'multipart/form-data; boundary=', 'application/x-www-form-urlencodedx'],
    ...[
      'application/x-www-form-urlencoded, application/json',
      '__proto__',
      'constructor',
      '*/*',
      'a'.repeat(4000),
    ],
  ]
  for (const endpoint of ['token', 'revoke', 'register']) {
    for (const type of types) {
      const init = {
        method: 'POST',
        headers: { 'content-type': type },
        body: Buffer.from('grant_type=x&a[b]=%'),
      }
      const response = await fetch(`${url}/oauth/${endpoint}`, init)
      t.equal(response.status, 400, `${endpoint} ${type.slice(0, 60)}`)
      t.match(await response.json(), { error: /^invalid_(request|client_metadata)$/ })
    }
  }
  const form = { 'content-type': 'APPLICATION/x-www-form-urlencoded ; charset=utf-8' }
  const read = await fetch(`${url}/oauth/token`, { method: 'POST', headers: form, body: 'client_id=x' })
  t.match(await read.json(), { error: 'invalid_client' }, 'a form is one in any spelling (RFC 9110 §8.3.1)')
})

test('revoking a token ends its grant, only for its own client (RFC 7009 §2.1, cloudflare/workers-oauth-provider#188)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const other = await registerClient(url, 'http://127.0.0.1:41997/callback')
  const revoke = (id: string, token: string) =>
    fetch(`${url}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ client_id: id, token }) })

  const tokens = await client.signIn()
  t.equal((await revoke(other.id, tokens.refresh_token)).status, 200)
  t.equal((await listTools(url, tokens.access_token)).status, 200, 'another client ends nothing')
  t.equal((await revoke(client.id, 'unknown')).status, 200, 'an unknown token counts as revoked (§2.2)')
  t.equal((await revoke(client.id, tokens.refresh_token)).status, 200)
  t.equal((await listTools(url, tokens.access_token)).status, 401)

  const again = await client.signIn()
  await revoke(client.id, again.access_token)
  t.match(await (await client.refresh(again.refresh_token)).json(), { error: 'invalid_grant' })
})
