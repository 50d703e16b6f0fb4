import { test } from 'tap'
import { createTestClient, type Tokens } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startService } from '../support/service.ts'

/** What Windows keeps of a credential, in characters: 2,560 bytes of UTF-16 (CRED_MAX_CREDENTIAL_BLOB_SIZE). */
const WINDOWS_LIMIT = 1280

const MAX_LENGTH = 1230

/** The longest forms of the usual redirect URIs, four of them. */
const REDIRECT_URIS = [
  'http://127.0.0.1:65535/callback',
  'http://localhost:65535/callback',
  'http://127.0.0.1/callback',
  'http://localhost/callback',
]

/** What a resource of a service has in common with one at this address: its length. */
const ADDRESS = 'https://sentry-mcp.example.com'

/** The JSON that Codex 0.169 keeps in the credential store: `StoredOAuthTokens` of its crate rmcp-client. */
function formatCodexRecord(resource: string, clientId: string, tokens: Tokens): string {
  const { access_token, expires_in, refresh_token, scope } = tokens
  return JSON.stringify({
    server_name: 'sentry',
    url: resource,
    client_id: clientId,
    token_response: { access_token, token_type: 'bearer', expires_in, refresh_token, scope },
    expires_at: Date.now() + expires_in * 1000,
  })
}

test('the record that Codex stores fits where Windows keeps it, with four redirect URIs (openai/codex, RFC 9068 §2.2)', async (t) => {
  // The path makes up for a host that is shorter.
  const { url } = await startService(t, { basePath: '/sentry1' })
  t.equal(url.length, ADDRESS.length)
  const metadata = { client_name: 'Codex', redirect_uris: REDIRECT_URIS }
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify(metadata)
  const registered = await fetch(`${url}/oauth/register`, { method: 'POST', headers, body })
  const { client_id } = (await registered.json()) as { client_id: string }
  const client = createTestClient(url, client_id, 'http://127.0.0.1:1455/callback')
  t.ok(MAX_LENGTH < WINDOWS_LIMIT)
  for (const resource of [`${url}/mcp`, `${url}/mcp/tidewater-books`]) {
    const { length } = formatCodexRecord(resource, client_id, await client.signIn({ resource }))
    t.ok(length <= MAX_LENGTH, `${length} characters at ${resource}`)
  }
  const tokens = await client.signIn()
  const claims = JSON.parse(Buffer.from(tokens.access_token.split('.')[1] ?? '', 'base64url').toString())
  t.match(claims, {
    iss: url,
    aud: `${url}/mcp`,
    sub: String,
    client_id,
    jti: String,
    iat: Number,
    exp: Number,
  })
  t.notOk('scope' in claims, 'the grant has it')

  const narrowed = (await (
    await client.refresh(tokens.refresh_token, { scope: 'org:read' })
  ).json()) as Tokens
  t.match(JSON.parse(Buffer.from(narrowed.access_token.split('.')[1] ?? '', 'base64url').toString()), {
    scope: 'org:read',
  })
  for (const token of [tokens.access_token, narrowed.access_token])
    t.equal((await postMcp(`${url}/mcp`, token, 'tools/list')).status, 200)
})
