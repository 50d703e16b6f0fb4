import { randomUUID } from 'node:crypto'
import { mock } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { type Test, test } from 'tap'
import { createTestClient, type Tokens } from '../../support/client.ts'
import { respondWithJson, startDocumentHost } from '../../support/document-host.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../../support/service.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const REDIRECT_URI = 'http://127.0.0.1:41998/callback'

interface Signing {
  alg?: string
  kid?: string
  key?: CryptoKey | Uint8Array
}

async function createKey(alg: string, kid: string) {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } }
}

/** A service, and a client of it that signs assertions with the keys in its document. */
async function start(
  t: Test,
  { alg = 'ES256', changes = {}, store = useEmbeddedStore(t) as Record<string, string> } = {},
) {
  const host = await startDocumentHost(t)
  const { url, log } = await startService(t, {
    settings: { ...store, CLIENT_ID_METADATA_DOCUMENTS: 'true' },
    network: host.network,
  })
  const id = host.locate('/client.json')
  const { privateKey, jwk } = await createKey(alg, 'one')
  const document = {
    client_id: id,
    client_name: 'Signing client',
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [jwk] },
    ...changes,
  }
  host.pages.set('/client.json', respondWithJson(document))
  const client = createTestClient(url, id, REDIRECT_URI)

  async function sign(claims: JWTPayload = {}, { kid = 'one', key = privateKey, ...signing }: Signing = {}) {
    const now = Math.floor(Date.now() / 1000)
    const own = { iss: id, sub: id, aud: url, jti: randomUUID(), iat: now, exp: now + 60 }
    const payload = Object.fromEntries(
      Object.entries({ ...own, ...claims }).filter(([, value]) => value !== null),
    )
    const assertion = await new SignJWT(payload)
      .setProtectedHeader({ alg: signing.alg ?? alg, kid })
      .sign(key)
    return { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion }
  }
  const getCode = async () => (await client.authorize()).searchParams.get('code') ?? ''
  return { host, url, log, id, client, jwk, sign, getCode }
}

/** A request that fails only after the client is proven. */
const PROVEN = { grant_type: 'refresh_token', refresh_token: 'none' }

test('a client with private_key_jwt signs in, refreshes and revokes (RFC 7523 §2.2)', async (t) => {
  const { url, id, client, sign, getCode } = await start(t)
  const redeemed = await client.redeem(await getCode(), await sign())
  t.equal(redeemed.status, 200)
  const { refresh_token } = (await redeemed.json()) as Tokens
  t.equal((await client.refresh(refresh_token, await sign())).status, 200)
  const withoutId = await fetch(`${url}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({
      token: refresh_token,
      ...(await sign()),
    }),
  })
  t.equal(withoutId.status, 200, 'client_id may be left out (RFC 7521 §4.2)')
  t.match(await (await client.refresh(refresh_token, await sign())).json(), { error: 'invalid_grant' })
  t.match(id, /^https:/)
})

test('an invalid assertion is invalid_client (RFC 7523 §3)', async (t) => {
  const { url, id, client, jwk, sign } = await start(t)
  const now = Math.floor(Date.now() / 1000)
  const other = await createKey('ES256', 'one')
  const shared = new TextEncoder().encode(JSON.stringify(jwk))
  const fresh = await sign()
  const [header, payload] = (fresh.client_assertion ?? '').split('.')
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url')
  const forge = (client_assertion: string) => ({ client_assertion_type: ASSERTION_TYPE, client_assertion })
  const wrong: [string, Record<string, string>][] = [
    ['nothing', {}],
    ['another key', await sign({}, { key: other.privateKey })],
    ['an unknown key', await sign({}, { key: other.privateKey, kid: 'two' })],
    ['the public key as a secret (RFC 8725 §2.1)', await sign({}, { alg: 'HS256', key: shared })],
    ['no algorithm', forge(`${none}.${payload}.`)],
    ['no signature', forge(`${header}.${payload}.`)],
    ['another issuer', await sign({ iss: 'https://evil.example/client' })],
    ['no issuer', await sign({ iss: null } as unknown as JWTPayload)],
    ['for the token endpoint (CVE-2025-27370)', await sign({ aud: `${url}/oauth/token` })],
    ['for another server too', await sign({ aud: [url, 'https://other.example'] })],
    ['for a list of one', await sign({ aud: [url] })],
    ['for another audience', await sign({ aud: 'https://evil.example' })],
    ['for a longer URL', await sign({ aud: `${url}/mcp` })],
    ['without audience', await sign({ aud: null } as unknown as JWTPayload)],
    ['ended', await sign({ exp: now - 60 })],
    ['without an end', await sign({ exp: null } as unknown as JWTPayload)],
    ['too long', await sign({ exp: now + 700 })],
    ['far too long', await sign({ exp: now + 86_400 })],
    ['not yet', await sign({ nbf: now + 120 })],
    ['without jti', await sign({ jti: null } as unknown as JWTPayload)],
  ]
  for (const [what, credentials] of wrong) {
    const response = await client.requestToken({ ...PROVEN, ...credentials })
    t.equal(response.status, 401, what)
    t.match(await response.json(), { error: 'invalid_client' }, what)
    t.equal(response.headers.get('www-authenticate'), null, 'no Basic was tried')
  }
  const secret = await client.requestToken({ ...PROVEN, client_secret: 'x' })
  t.match(await secret.json(), { error: 'invalid_client' }, 'it has no secret')
  const otherId = await client.requestToken({ ...PROVEN, ...(await sign({ sub: 'https://evil.example/x' })) })
  t.match(await otherId.json(), { error: 'invalid_request' }, 'client_id and sub differ')
  const right = await client.requestToken({ ...PROVEN, ...fresh })
  t.match(await right.json(), { error: 'invalid_grant' }, 'while a good one gets further')
  t.equal(client.id, id)
})

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  test(`an assertion can be used once (RFC 7523 §3, jti, ${useStore.name})`, async (t) => {
    const { client, sign } = await start(t, { store: await useStore(t) })
    const jti = randomUUID()
    const assertion = await sign({ jti })
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => client.requestToken({ ...PROVEN, ...assertion })),
    )
    t.equal(responses.filter(({ status }) => status === 400).length, 1, 'of twenty at once, one is accepted')
    t.equal(responses.filter(({ status }) => status === 401).length, 19)
    const again = await client.requestToken({ ...PROVEN, ...(await sign({ jti })) })
    t.match(await again.json(), { error: 'invalid_client', error_description: /used before/ }, 'signed again')
  })
}

for (const alg of ['RS256', 'PS384', 'ES512', 'EdDSA']) {
  test(`an assertion signed with ${alg} is accepted (RFC 7518 §3.1, RFC 8037)`, async (t) => {
    const { client, sign } = await start(t, { alg })
    t.match(await (await client.requestToken({ ...PROVEN, ...(await sign()) })).json(), {
      error: 'invalid_grant',
    })
  })
}

test('an algorithm that is not advertised is refused, even with the right key (RFC 8725 §3.1)', async (t) => {
  const { client, sign } = await start(t, { alg: 'Ed25519' })
  const response = await client.requestToken({ ...PROVEN, ...(await sign()) })
  t.match(await response.json(), { error: 'invalid_client' })
})

test('keys at jwks_uri are cached, and fetched again for an unknown key (RFC 7591 §2)', async (t) => {
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  const { host, url, jwk, sign } = await start(t)
  const id = host.locate('/by-url.json')
  const document = { client_id: id, client_name: 'Signing client', redirect_uris: [REDIRECT_URI] }
  const jwks_uri = host.locate('/keys')
  host.pages.set(
    '/by-url.json',
    respondWithJson({ ...document, token_endpoint_auth_method: 'private_key_jwt', jwks_uri }),
  )
  const client = createTestClient(url, id, REDIRECT_URI)
  const request = async (signing?: Signing) => {
    const credentials = await sign({ iss: id, sub: id }, signing)
    return (await (await client.requestToken({ ...PROVEN, ...credentials })).json()) as { error: string }
  }
  const countFetches = () => host.requests.filter((path) => path === '/keys').length

  t.match(await request(), { error: 'temporarily_unavailable' }, 'keys that are away prove nothing')
  host.pages.set('/keys', respondWithJson({ keys: [jwk] }))
  mock.timers.tick(60_000)
  t.match(await request(), { error: 'invalid_grant' })
  t.match(await request(), { error: 'invalid_grant' })
  t.equal(countFetches(), 2, 'they are kept')

  const next = await createKey('ES256', 'two')
  const withNext = { key: next.privateKey, kid: 'two' }
  host.pages.set('/keys', respondWithJson({ keys: [jwk, next.jwk] }))
  t.match(await request(withNext), { error: 'invalid_client' })
  t.equal(countFetches(), 2, 'a made-up kid makes the server fetch once a minute at the most')
  mock.timers.tick(60_000)
  t.match(await request(withNext), { error: 'invalid_grant' })
  t.equal(countFetches(), 3)
})

test('an optional assertion is verified when it is sent', async (t) => {
  const both = ['private_key_jwt', 'none']
  const { client, sign } = await start(t, { changes: { token_endpoint_auth_methods_supported: both } })
  t.match(await (await client.requestToken(PROVEN)).json(), { error: 'invalid_grant' }, 'as a public client')
  const signed = await client.requestToken({ ...PROVEN, ...(await sign()) })
  t.match(await signed.json(), { error: 'invalid_grant' }, 'with an assertion')
  const forged = await client.requestToken({ ...PROVEN, ...(await sign({ aud: 'https://evil.example' })) })
  t.match(await forged.json(), { error: 'invalid_client' }, 'with one that is not good')
})

test('the error names the wrong claim, and the log has no assertion', async (t) => {
  const { client, sign, log } = await start(t)
  const now = Math.floor(Date.now() / 1000)
  for (const [claim, value] of Object.entries({ aud: 'https://evil.example', iss: 'x', exp: now - 60 })) {
    const credentials = await sign({ [claim]: value })
    const response = await client.requestToken({ ...PROVEN, ...credentials })
    t.match(await response.json(), { error_description: `The ${claim} of the client assertion is wrong.` })
    t.notMatch(log.join(''), credentials.client_assertion)
  }
})
