import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { createTestClient, registerClient } from '../../support/client.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

const REDIRECT_URI = 'http://127.0.0.1:41998/callback'
const DCR_TOKEN = 'initial-access-token-of-32-characters='
const SECRET = 'secret of the gateway, 32 characters'.replaceAll(' ', '+')
const STATIC_CLIENTS = JSON.stringify([
  { client_id: 'gateway', client_name: 'Gateway', client_secret: SECRET, redirect_uris: [REDIRECT_URI] },
  { client_id: 'the public one', redirect_uris: [REDIRECT_URI] },
])

function register(url: string, metadata: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
  })
}

async function readMetadata(url: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/.well-known/oauth-authorization-server`)
  return (await response.json()) as Record<string, unknown>
}

test('DCR=token requires the initial access token (RFC 7591 §3, RFC 6750 §3)', async (t) => {
  const { url, log } = await startService(t, {
    settings: { ...useEmbeddedStore(t), DCR: 'token', DCR_TOKEN },
  })
  const metadata = { redirect_uris: [REDIRECT_URI] }
  const attempts: [string, Record<string, string>, RegExp][] = [
    ['no token', {}, /^Bearer(?!.*error)/],
    ['a wrong one', { authorization: `Bearer x${DCR_TOKEN}` }, /^Bearer error="invalid_token"/],
    ['another scheme', { authorization: `Basic ${DCR_TOKEN}` }, /^Bearer error="invalid_token"/],
    ['an empty one', { authorization: 'Bearer ' }, /^Bearer error="invalid_token"/],
  ]
  for (const [what, headers, challenge] of attempts) {
    const refused = await register(url, metadata, headers)
    t.equal(refused.status, 401, what)
    t.match(refused.headers.get('www-authenticate'), challenge, what)
    t.match(await refused.json(), { error: 'invalid_token', error_description: String }, what)
  }
  const nonsense = await register(url, '[1', { authorization: 'Bearer wrong' })
  t.ok(nonsense.status === 400 || nonsense.status === 401)

  const accepted = await register(url, metadata, { authorization: `bearer ${DCR_TOKEN}` })
  t.equal(accepted.status, 201)
  t.ok((await readMetadata(url)).registration_endpoint)
  t.notMatch(log.join(''), DCR_TOKEN)
})

test('DCR=off refuses registration and advertises no endpoint (RFC 8414 §2)', async (t) => {
  const open = await startService(t)
  t.equal((await readMetadata(open.url)).registration_endpoint, `${open.url}/oauth/register`)
  const { url } = await startService(t, {
    settings: { ...useEmbeddedStore(t), DCR: 'off', DCR_TOKEN, STATIC_CLIENTS },
  })
  t.notOk('registration_endpoint' in (await readMetadata(url)))
  const attempts: Record<string, string>[] = [{}, { authorization: `Bearer ${DCR_TOKEN}` }]
  for (const headers of attempts) {
    const refused = await register(url, { redirect_uris: [REDIRECT_URI] }, headers)
    t.equal(refused.status, 403)
    t.match(await refused.json(), { error: 'access_denied', error_description: /operator/ })
  }
})

test('a static client signs in without registering', async (t) => {
  const { url } = await startService(t, {
    settings: { ...useEmbeddedStore(t), DCR: 'off', STATIC_CLIENTS },
  })
  const open = createTestClient(url, 'the public one', REDIRECT_URI)
  t.match(await open.signIn(), { token_type: 'Bearer' })

  const gateway = createTestClient(url, 'gateway', REDIRECT_URI)
  const arrival = await gateway.open()
  t.match(arrival, { kind: 'page', page: { html: /Gateway/ } })
  const getCode = async () => (await gateway.authorize()).searchParams.get('code') ?? ''
  t.equal((await gateway.redeem(await getCode())).status, 401, 'its id alone is nothing')
  t.equal((await gateway.redeem(await getCode(), { client_secret: `${SECRET}x` })).status, 401)
  t.equal((await gateway.redeem(await getCode(), { client_secret: SECRET })).status, 200)
  const credentials = Buffer.from(`gateway:${encodeURIComponent(SECRET)}`).toString('base64')
  const inHeader = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: await getCode(),
      code_verifier: gateway.verifier,
    }),
  })
  t.equal(inHeader.status, 200, 'form-urlencoded, for it has a + (RFC 6749 §2.3.1)')

  for (const redirect_uri of ['http://127.0.0.1:41998/other', 'https://evil.example/callback']) {
    t.match(await gateway.open({ redirect_uri }), { kind: 'page', page: { status: 400 } }, redirect_uri)
  }
})

test('a registration reveals nothing of our OAuth application at Sentry (punkpeye/fastmcp#262)', async (t) => {
  const { url, sentry } = await startService(t)
  for (const method of ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt', undefined]) {
    const response = await register(url, {
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: method,
      client_id: sentry.clientId,
      client_secret: sentry.clientSecret,
    })
    t.equal(response.status, 201)
    const text = `${JSON.stringify([...response.headers])}${await response.text()}`
    t.notOk(text.includes(sentry.clientId) || text.includes(sentry.clientSecret), String(method))
  }
})

test('refused metadata gets the registration error codes (RFC 7591 §3.2.2)', async (t) => {
  const { url } = await startService(t)
  const cases: [unknown, string][] = [
    [{ redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: [] }, 'invalid_redirect_uri'],
    [{ redirect_uris: [REDIRECT_URI], application_type: 'web' }, 'invalid_redirect_uri'],
    [{ redirect_uris: Array.from({ length: 11 }, () => REDIRECT_URI) }, 'invalid_client_metadata'],
    [{ redirect_uris: REDIRECT_URI }, 'invalid_client_metadata'],
    [{ redirect_uris: [REDIRECT_URI], grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
  ]
  for (const [metadata, error] of cases) {
    const response = await register(url, metadata)
    t.equal(response.status, 400)
    t.match(await response.json(), { error })
  }
})

test('metadata advertises what registration accepts (RFC 8414 §2)', async (t) => {
  const { url } = await startService(t)
  const metadata = await readMetadata(url)
  t.equal(metadata.client_id_metadata_document_supported, false)
  const { id } = await registerClient(url)
  const known = metadata.token_endpoint_auth_methods_supported
  t.same(known, ['none', 'client_secret_basic', 'client_secret_post'])
  t.same(metadata.revocation_endpoint_auth_methods_supported, known)
  t.notOk('token_endpoint_auth_signing_alg_values_supported' in metadata)
  const assertion = { client_assertion: 'a.b.c', client_assertion_type: 'other' }
  const response = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: id, grant_type: 'refresh_token', ...assertion }),
  })
  t.match(await response.json(), { error: 'invalid_request' })
  const byUrl = createTestClient(url, 'https://client.example/client.json', REDIRECT_URI)
  t.match(await byUrl.open(), { kind: 'page', page: { status: 400 } }, 'documents are off')
})

test('null members of a registration are as good as absent (RFC 7592 §2.2)', async (t) => {
  const { url } = await startService(t)
  const nulls = Object.fromEntries(
    [
      ...['client_name', 'application_type', 'grant_types', 'response_types', 'token_endpoint_auth_method'],
      ...['client_uri', 'logo_uri', 'scope', 'contacts', 'tos_uri', 'policy_uri', 'jwks_uri', 'jwks'],
      ...['software_id', 'software_version', 'software_statement', 'client_secret', 'client_id'],
    ].map((name) => [name, null]),
  )
  const accepted = await register(url, { redirect_uris: [REDIRECT_URI], ...nulls })
  t.equal(accepted.status, 201)
  t.match(await accepted.json(), { client_name: 'Unnamed client', token_endpoint_auth_method: 'none' })
  for (const name of Object.keys(nulls)) {
    const one = await register(url, { redirect_uris: [REDIRECT_URI], [name]: null })
    t.equal(one.status, 201, name)
  }
  const without = await register(url, { redirect_uris: null })
  t.match(await without.json(), { error: 'invalid_redirect_uri' })
  for (const body of ['null', '[null]', '{"redirect_uris":[null]}'])
    t.match(await (await register(url, body)).json(), { error: /^invalid_/ }, body)
})

/** What clients register, by the names of the table in docs/settings.md. */
const REGISTRATIONS: Record<string, string[]> = {
  'Claude Code': ['http://localhost:53682/callback'],
  Codex: ['http://127.0.0.1:41234/callback'],
  Cursor: ['http://localhost:8787/callback', 'cursor://anysphere.cursor-mcp/oauth/callback'],
  'VS Code': [
    ...['https://insiders.vscode.dev/redirect', 'https://vscode.dev/redirect'],
    ...['http://localhost/', 'http://127.0.0.1/', 'http://localhost:33418/', 'http://127.0.0.1:33418/'],
  ],
  Zed: ['http://127.0.0.1:40001/callback'],
  'Gemini CLI': ['http://localhost:7777/oauth/callback'],
  'MCP Inspector': ['http://127.0.0.1:6276/oauth/callback'],
  'Claude on the web': [
    'https://claude.ai/api/mcp/auth_callback',
    'https://claude.com/api/mcp/auth_callback',
  ],
  ChatGPT: [
    'https://chatgpt.com/connector/oauth/abc123',
    'https://chatgpt.com/connector_platform_oauth_redirect',
  ],
  'VS Code on the web': [
    'https://vscode.dev/redirect',
    'https://insiders.vscode.dev/redirect',
    'http://localhost/',
  ],
  'Cursor, older releases': ['cursor://anysphere.cursor-retrieval/oauth/user-mcp/callback'],
}

test('each row of the documented patterns admits its clients as written (modelcontextprotocol/servers#2444, RFC 7591 §3.2.1)', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/settings.md'), 'utf8')
  const rows = [...page.matchAll(/^\| ([^|`]+) \| (`\w+:\/\/[^|]+) \|$/gm)]
  t.ok(rows.length >= 5)
  for (const [, names = '', cell = ''] of rows) {
    const patterns = [...cell.matchAll(/`([^`]+)`/g)].map(([, pattern]) => pattern)
    const settings = { ...useEmbeddedStore(t), ALLOWED_REDIRECT_URI_PATTERNS: patterns.join(',') }
    const { url } = await startService(t, { settings })
    const clients = Object.keys(REGISTRATIONS).filter(
      (name) => names === name || listNames(names).includes(name),
    )
    t.ok(clients.length > 0, `${names} names a client`)
    for (const name of clients) {
      const redirectUris = REGISTRATIONS[name] ?? []
      const response = await register(url, { client_name: name, redirect_uris: redirectUris })
      t.equal(response.status, 201, `${name} with ${patterns.join(', ')}`)
      const registered = (await response.json()) as { client_id: string; redirect_uris: string[] }
      t.same(
        registered.redirect_uris.filter((uri) => !redirectUris.includes(uri)),
        [],
      )
      for (const uri of redirectUris) {
        const client = createTestClient(url, registered.client_id, uri)
        const isRegistered = registered.redirect_uris.includes(uri)
        t.match(await client.open(), { kind: 'page', page: { status: isRegistered ? 200 : 400 } }, uri)
      }
    }
    const foreign = await register(url, {
      redirect_uris: ['https://evil.example/cb', 'https://evil.example/2'],
    })
    t.match(await foreign.json(), { error: 'invalid_redirect_uri' })
  }
})

function listNames(cell: string): string[] {
  return cell.replace(/ and others.*$/, '').split(', ')
}
