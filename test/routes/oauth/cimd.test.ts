import { type Test, test } from 'tap'
import { createTestClient } from '../../support/client.ts'
import { type DocumentHost, respondWithJson, startDocumentHost } from '../../support/document-host.ts'
import { postMcp } from '../../support/mcp.ts'
import { type Service, startService, useEmbeddedStore } from '../../support/service.ts'

/** As the documents of command-line clients are: loopback URIs without a port (RFC 8252 §7.3). */
const REDIRECT_URIS = ['http://127.0.0.1/callback', 'http://localhost/callback', 'https://client.example/cb']

async function start(t: Test, settings: Record<string, string> = {}) {
  const host = await startDocumentHost(t)
  const service = await startService(t, {
    settings: { ...useEmbeddedStore(t), CLIENT_ID_METADATA_DOCUMENTS: 'true', ...settings },
    network: host.network,
  })
  return { host, service }
}

/** Publishes a document and makes the client that it describes. */
function publish(host: DocumentHost, { url }: Service, changes: object = {}, path = '/client.json') {
  const id = host.locate(path)
  const document = { client_id: id, client_name: 'Documented', redirect_uris: REDIRECT_URIS, ...changes }
  host.pages.set(path, respondWithJson(document))
  return createTestClient(url, id, 'http://127.0.0.1:41998/callback')
}

test('a CIMD client signs in without registering (draft-ietf-oauth-client-id-metadata-document)', async (t) => {
  const { host, service } = await start(t)
  const client = publish(host, service)
  const { access_token, refresh_token } = await client.signIn()
  t.equal((await postMcp(`${service.url}/mcp`, access_token, 'tools/list')).status, 200)
  t.equal((await client.refresh(refresh_token)).status, 200)
  t.same(host.requests, ['/client.json'], 'the document was fetched once')
  const onAnotherPort = await client.authorize({ redirect_uri: 'http://localhost:51234/callback' })
  t.equal(onAnotherPort.port, '51234', 'any port on loopback (RFC 8252 §7.3)')
})

test('the consent page says where a document is, and verifies no name (MCP authorization, 2025-11-25)', async (t) => {
  const { host, service } = await start(t)
  const client = publish(host, service, { client_name: '<b>Documented</b>' })
  const verified = await client.open()
  if (verified.kind !== 'page') return t.fail('the consent page is shown')
  t.match(verified.page.html, `https://<strong>client.example:${host.port}</strong>/client.json`)
  t.match(
    verified.page.html,
    'a program on this computer',
    'which any program there could say (CIMD, localhost)',
  )
  t.notMatch(verified.page.html, /verified/i)
  t.notMatch(verified.page.html, /<b>Documented/)
  const remote = await client.open({ redirect_uri: 'https://client.example/cb' })
  t.match(remote.kind === 'page' && remote.page.html, 'https://<strong>client.example</strong>/cb')

  const registered = await fetch(`${service.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'client.example',
      redirect_uris: ['http://127.0.0.1:41998/callback'],
    }),
  })
  const { client_id } = (await registered.json()) as { client_id: string }
  const self = await createTestClient(service.url, client_id, client.redirectUri).open()
  if (self.kind !== 'page') return t.fail('the consent page is shown')
  t.match(self.page.html, /calls itself[\s\S]*<bdi>client\.example<\/bdi>/)
  t.notMatch(self.page.html, 'Described at')
})

test('a user who consented before is asked again (GHSA-6x8h-498w-gv8c)', async (t) => {
  const { host, service } = await start(t)
  const client = publish(host, service)
  await client.signIn()
  const cookies = client.browser.jar.list().map(({ name, value }) => `${name}=${value}`)
  t.ok(cookies.length >= 2, 'the browser and its choices are known')
  const asked = service.sentry.requests.length
  for (const site of ['none', 'same-origin', 'same-site', 'cross-site']) {
    const response = await fetch(client.createAuthorizeUrl(), {
      headers: { cookie: cookies.join('; '), 'sec-fetch-site': site },
      redirect: 'manual',
    })
    t.equal(response.status, 200, site)
    t.match(await response.text(), /<button name="decision" value="allow"/)
  }
  t.equal(service.sentry.requests.length, asked, 'Sentry, which would let them through, is not asked')
})

test('metadata advertises CIMD and private_key_jwt together (draft §5, RFC 8414 §2)', async (t) => {
  const { service } = await start(t)
  const response = await fetch(`${service.url}/.well-known/oauth-authorization-server`)
  t.match(await response.json(), {
    client_id_metadata_document_supported: true,
    token_endpoint_auth_methods_supported: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ],
    token_endpoint_auth_signing_alg_values_supported: /ES256/,
  })
})

test('a CIMD client may use its document’s redirect URIs that the operator allows', async (t) => {
  const { host, service } = await start(t, { ALLOWED_REDIRECT_URI_PATTERNS: 'http://127.0.0.1:*' })
  const client = publish(host, service)
  t.ok((await client.authorize()).searchParams.get('code'), 'the document may list more than is allowed here')
  for (const redirect_uri of [
    'http://127.0.0.1:41998/other',
    'http://127.0.0.2:41998/callback',
    'http://localhost:41998/callback',
    'https://client.example/cb',
    'https://evil.example/cb',
    undefined,
  ]) {
    const arrival = await client.open({ redirect_uri })
    t.match(arrival, { kind: 'page', page: { status: 400, forms: [] } }, String(redirect_uri))
  }
})

test('an invalid document is refused, and the user sees why', async (t) => {
  const { host, service } = await start(t)
  const wrong: [string, object][] = [
    ['another id', { client_id: host.locate('/other.json') }],
    ['no name', { client_name: undefined }],
    ['a secret', { client_secret: 'x'.repeat(32) }],
    ['a method with a secret', { token_endpoint_auth_method: 'client_secret_post' }],
    ['script', { redirect_uris: [...REDIRECT_URIS, 'javascript:alert(1)'] }],
    ['no redirect URI', { redirect_uris: [] }],
  ]
  for (const [position, [what, changes]] of wrong.entries()) {
    const client = publish(host, service, changes, `/${position}.json`)
    const arrival = await client.open()
    t.match(arrival, { kind: 'page', page: { status: 400, html: /metadata document/, forms: [] } }, what)
    const response = await client.requestToken({ grant_type: 'refresh_token', refresh_token: 'x' })
    t.equal(response.status, 401)
    t.match(await response.json(), { error: 'invalid_client', error_description: /metadata document/ })
  }
})

test('an unreachable document is a transient error, not an unknown client (cloudflare/workers-oauth-provider#248)', async (t) => {
  const { host, service } = await start(t)
  const cases = {
    '/missing': undefined,
    '/html': (_: unknown, response: { end(text: string): void }) => response.end('<html>'),
    '/moved': respondWithJson({}),
  }
  for (const path of Object.keys(cases)) {
    const client = createTestClient(service.url, host.locate(path), 'http://127.0.0.1:41998/callback')
    const arrival = await client.open()
    t.match(arrival, { kind: 'page', page: { status: 503, forms: [] } }, path)
    const response = await client.requestToken({ grant_type: 'refresh_token', refresh_token: 'x' })
    t.equal(response.status, 503)
    t.equal(response.headers.get('retry-after'), '60', 'when it is tried again')
    t.match(await response.json(), { error: 'temporarily_unavailable' })
  }
  t.same(host.requests, ['/missing', '/html', '/moved'], 'a failure is remembered')
})

test('an unreachable publisher ends no sign-in', async (t) => {
  const { host, service } = await start(t)
  const client = publish(host, service)
  const { refresh_token } = await client.signIn()
  host.pages.clear()
  t.equal((await client.refresh(refresh_token)).status, 200)
})

test('an id that is not a document URL is unknown, and nothing is fetched', async (t) => {
  const { host, service } = await start(t)
  publish(host, service)
  for (const id of [
    host.locate('/'),
    host.locate('/client.json#x'),
    host.locate('/a/../client.json'),
    host.locate('/client.json').replace('https:', 'http:'),
    host.locate('/client.json').replace('//', '//user@'),
    host.locate('/client.json').replace('client', 'CLIENT'),
    `https://127.0.0.1:${host.port}/client.json`.replace('127.0.0.1', '127.1'),
  ]) {
    const client = createTestClient(service.url, id, 'http://127.0.0.1:41998/callback')
    t.match(await client.open(), { kind: 'page', page: { status: 400 } }, id)
    const response = await client.requestToken({ grant_type: 'refresh_token', refresh_token: 'x' })
    t.match(await response.json(), { error: 'invalid_client' }, id)
  }
  t.equal(host.connections, 0)
})

test('documents are fetched from public addresses only (SSRF)', async (t) => {
  const host = await startDocumentHost(t)
  const settings = { ...useEmbeddedStore(t), CLIENT_ID_METADATA_DOCUMENTS: 'true' }
  const { url, log } = await startService(t, { settings })
  for (const id of [
    `https://localhost:${host.port}/client.json`,
    `https://127.0.0.1:${host.port}/client.json`,
    `https://[::1]:${host.port}/client.json`,
  ]) {
    const client = createTestClient(url, id, 'http://127.0.0.1:41998/callback')
    t.match(await client.open(), { kind: 'page', page: { status: 503 } }, id)
  }
  t.equal(host.connections, 0)
  t.notMatch(log.join(''), '"level":50', 'not an error of the operator')
})

test('mode auto without egress advertises no CIMD, and registration still works', async (t) => {
  const host = await startDocumentHost(t)
  const settings = { ...useEmbeddedStore(t), CLIENT_ID_METADATA_DOCUMENTS: 'auto' }
  const network = { ...host.network, resolve: async () => [] }
  const { url, log } = await startService(t, { settings, network })
  const response = await fetch(`${url}/.well-known/oauth-authorization-server`)
  const metadata = (await response.json()) as Record<string, unknown>
  t.equal(metadata.client_id_metadata_document_supported, false)
  t.ok(metadata.registration_endpoint)
  t.match(log.join(''), 'client id metadata documents are not offered')
})
