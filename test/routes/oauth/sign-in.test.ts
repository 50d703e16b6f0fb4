import { test } from 'tap'
import { registerClient, type Tokens } from '../../support/client.ts'
import { postMcp } from '../../support/mcp.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../../support/service.ts'

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  test(`a client signs in and calls a tool (RFC 6749 §4.1, ${useStore.name})`, async (t) => {
    const { url, sentry } = await startService(t, { settings: await useStore(t) })
    const client = await registerClient(url)

    const redirect = await client.authorize()
    t.equal(`${redirect.origin}${redirect.pathname}`, client.redirectUri)
    t.equal(redirect.searchParams.get('state'), 'state of the client', 'state returns byte for byte')
    t.same(redirect.searchParams.getAll('iss'), [url], 'RFC 9207: iss, once')
    t.match(redirect.searchParams.get('code'), /^[A-Za-z0-9_-]{43}$/)

    const response = await client.redeem(redirect.searchParams.get('code') ?? '')
    t.equal(response.status, 200)
    t.equal(response.headers.get('cache-control'), 'no-store', 'RFC 6749 §5.1')
    const tokens = (await response.json()) as Tokens
    t.match(tokens, { token_type: 'Bearer', expires_in: 3600, scope: /org:read/ })
    t.notMatch(JSON.stringify(tokens), /sntry/, "nothing of Sentry's reaches the client")

    const called = await postMcp(`${url}/mcp`, tokens.access_token, 'tools/call', {
      name: 'whoami',
      arguments: {},
    })
    t.equal(called.status, 200)
    t.match(await called.text(), /mara@tidewater\.example/)
    t.ok(
      sentry.requests.some(({ path }) => path.startsWith('/api/0/')),
      'it was Sentry that answered',
    )
  })
}

test('two instances on one Redis share every step of a sign-in', async (t) => {
  const settings = {
    ...(await useRedisStore(t)),
    ENCRYPTION_KEY: 'e'.repeat(32),
    JWT_SIGNING_KEY: 'j'.repeat(32),
  }
  const first = await startService(t, { settings })
  const second = await startService(t, {
    settings: { ...settings, BASE_URL: first.url },
    sharedSentry: first.sentry,
  })
  const client = await registerClient(second.url)
  const page = await client.browser.open(client.createAuthorizeUrl({ resource: `${first.url}/mcp` }))
  t.equal(page.kind, 'page', 'what one instance registered, the other shows')

  const there = await registerClient(first.url)
  const redirect = await there.authorize()
  const response = await fetch(`${second.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: there.id,
      code: redirect.searchParams.get('code') ?? '',
      code_verifier: there.verifier,
    }),
  })
  t.equal(response.status, 200, 'a code of one instance is redeemed at the other')
})

test('a denied consent is access_denied for the client (RFC 6749 §4.1.2.1)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)

  const denied = await client.authorize({}, { consent: 'deny' })
  t.equal(denied.searchParams.get('error'), 'access_denied')
  t.equal(denied.searchParams.get('state'), 'state of the client')
  t.equal(denied.searchParams.get('iss'), url, 'RFC 9207: on errors as well')
  t.equal(denied.searchParams.get('code'), null)

  const deniedAtSentry = await client.authorize({}, { sentry: 'deny' })
  t.equal(deniedAtSentry.searchParams.get('error'), 'access_denied', 'a no at Sentry reaches the client')
})

test('a failing Sentry at the callback is temporarily_unavailable for the client', async (t) => {
  const { url, sentry } = await startService(t)
  const client = await registerClient(url)

  const faults = [
    { kind: 'status', status: 502, body: 'Bad gateway' },
    { kind: 'status', status: 429, retryAfter: 1 },
    { kind: 'html' },
    { kind: 'truncated' },
    { kind: 'redirect-loop' },
    { kind: 'reset' },
  ] as const
  for (const fault of faults) {
    const repair = sentry.fail('POST /oauth/token/', fault)
    const redirect = await client.authorize()
    t.equal(redirect.searchParams.get('error'), 'temporarily_unavailable', fault.kind)
    repair()
  }
})

test('state is optional, and the default resource is /mcp', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const redirect = await client.authorize({ state: undefined, resource: undefined })
  t.equal(redirect.searchParams.has('state'), false)
  t.equal((await client.redeem(redirect.searchParams.get('code') ?? '')).status, 200)
})

test('a redirect URI keeps its query except response parameters (RFC 6749 §3.1.2)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url, 'http://127.0.0.1:41998/cb?tenant=a%20b&iss=https://evil.example')
  const redirect = await client.authorize()
  t.equal(redirect.searchParams.get('tenant'), 'a b')
  t.same(redirect.searchParams.getAll('iss'), [url])
})

test('a client with a private-use scheme receives its code (RFC 8252 §7.1)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url, 'cursor://anysphere.cursor-mcp/oauth/callback')
  const redirect = await client.authorize()
  t.equal(redirect.protocol, 'cursor:')
  t.ok(redirect.searchParams.get('code'))
})
