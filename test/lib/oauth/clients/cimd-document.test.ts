import { test } from 'tap'
import { isMetadataDocumentUrl, parseMetadataDocument } from '../../../../lib/oauth/clients/cimd-document.ts'

const OWN = 'https://mcp.example.com'
const URL_ = 'https://client.example/oauth/client.json'
const JWK = { kty: 'EC', crv: 'P-256', x: 'eA', y: 'eQ', kid: 'one' }

const DOCUMENT = {
  client_id: URL_,
  client_name: 'A client',
  redirect_uris: ['http://127.0.0.1/callback', 'https://client.example/callback'],
}

const parse = (changes: object = {}) => parseMetadataDocument({ ...DOCUMENT, ...changes }, URL_)

test('the URL of a metadata document is a client id (draft-ietf-oauth-client-id-metadata-document §3)', async (t) => {
  for (const id of [
    URL_,
    'https://claude.ai/oauth/claude-code-client-metadata',
    'https://chatgpt.com/oauth/codex/client.json',
    'https://client.example:8443/client',
    'https://client.example/client?version=1',
    'https://client.example/~me/client',
    'https://xn--bcher-kva.example/client',
  ]) {
    t.equal(isMetadataDocumentUrl(id, OWN), true, id)
  }
})

test('a URL that a parser would have to normalize is not a client id', async (t) => {
  for (const id of [
    'http://client.example/client',
    'HTTPS://client.example/client',
    'https:client.example/client',
    'https:/client.example/client',
    'https:///client.example/client',
    'https:\\\\client.example\\client',
    ' https://client.example/client',
    'https://client.example/client ',
    'https://client.example',
    'https://client.example/',
    'https://client.example?client',
    'https://user@client.example/client',
    'https://user:word@client.example/client',
    'https://@client.example/client',
    'https://client.example/client#fragment',
    'https://client.example/client#',
    'https://client.example/./client',
    'https://client.example/../client',
    'https://client.example/a/../client',
    'https://client.example/a/..',
    'https://client.example/%2e%2e/client',
    'https://client.example/%2E/client',
    'https://client.example/a/.%2e/client',
    'https://client.example:443/client',
    'https://Client.example/client',
    'https://clíent.example/client',
    'https://client.example/clíent',
    'https://client.example\\@evil.example/client',
    'https://client\t.example/client',
    'https://127.1/client',
    'https://0x7f.1/client',
    'https://[0:0:0:0:0:0:0:1]/client',
    'https://',
    'https://mcp.example.com/client',
    'cursor://client.example/client',
    'c1.e30.mac',
    '',
  ]) {
    t.equal(isMetadataDocumentUrl(id, OWN), false, JSON.stringify(id))
  }
})

test('a document describes a public client', async (t) => {
  t.strictSame(parse({ logo_uri: 'https://client.example/logo.png', 'client_name#de': 'Ein Client' }), {
    id: URL_,
    name: 'A client',
    redirectUris: DOCUMENT.redirect_uris,
    tokenEndpointAuthMethod: 'none',
    documentUrl: URL_,
  })
  const withPort = 'https://client.example:8443/client'
  t.match(parseMetadataDocument({ ...DOCUMENT, client_id: withPort }, withPort), {
    documentUrl: withPort,
  })
})

test('the weakest listed method is required, and the keys are kept (draft §4.1)', async (t) => {
  const both = ['private_key_jwt', 'none']
  const keys = { jwks: { keys: [JWK] } }
  const cases: [object, object][] = [
    [{ token_endpoint_auth_method: 'none' }, { tokenEndpointAuthMethod: 'none', keys: undefined }],
    [
      { token_endpoint_auth_method: 'none', ...keys },
      { tokenEndpointAuthMethod: 'none', keys: undefined },
    ],
    [
      { token_endpoint_auth_method: 'private_key_jwt', ...keys },
      { tokenEndpointAuthMethod: 'private_key_jwt', keys },
    ],
    [
      { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://client.example/keys' },
      { tokenEndpointAuthMethod: 'private_key_jwt', keys: { jwksUri: 'https://client.example/keys' } },
    ],
    [
      { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_methods_supported: both, ...keys },
      { tokenEndpointAuthMethod: 'none', keys },
    ],
    [
      { token_endpoint_auth_methods_supported: ['private_key_jwt'], ...keys },
      { tokenEndpointAuthMethod: 'private_key_jwt', keys },
    ],
    [{ token_endpoint_auth_methods_supported: both }, { tokenEndpointAuthMethod: 'none', keys: undefined }],
  ]
  for (const [changes, expected] of cases) t.match(parse(changes), expected, JSON.stringify(changes))
})

test('a document that breaks a rule is refused with the rule (draft §4.1)', async (t) => {
  const jwt = { token_endpoint_auth_method: 'private_key_jwt' }
  const cases: [unknown, RegExp][] = [
    [null, /client_id or client_name is missing/],
    [[], /client_id or client_name is missing/],
    ['text', /client_id or client_name is missing/],
    [{ ...DOCUMENT, client_id: undefined }, /client_id/],
    [{ ...DOCUMENT, client_id: `${URL_}/` }, /client_id is not the URL of the document/],
    [{ ...DOCUMENT, client_id: URL_.toUpperCase() }, /client_id is not the URL of the document/],
    [{ ...DOCUMENT, client_name: undefined }, /client_name/],
    [{ ...DOCUMENT, client_name: '' }, /client_name is malformed/],
    [{ ...DOCUMENT, client_name: 5 }, /client_name is malformed/],
    [{ ...DOCUMENT, client_secret: 'x' }, /must not have a secret/],
    [{ ...DOCUMENT, client_secret_expires_at: 0 }, /must not have a secret/],
    [{ ...DOCUMENT, redirect_uris: undefined }, /Invalid redirect_uri: at least one/],
    [{ ...DOCUMENT, redirect_uris: [] }, /Invalid redirect_uri: at least one/],
    [{ ...DOCUMENT, redirect_uris: 'https://client.example' }, /redirect_uris is malformed/],
    [{ ...DOCUMENT, redirect_uris: ['https://client.example/cb', 'javascript:x'] }, /redirect_uri: number 2/],
    [{ ...DOCUMENT, redirect_uris: ['http://client.example/cb'] }, /redirect_uri: number 1/],
    [{ ...DOCUMENT, application_type: 'web' }, /number 1 cannot belong to a client of application_type web/],
    [{ ...DOCUMENT, grant_types: ['client_credentials'] }, /grant_types must include/],
    [{ ...DOCUMENT, response_types: ['token'] }, /response_types must include/],
    [{ ...DOCUMENT, token_endpoint_auth_method: 'client_secret_basic' }, /must be none, or private_key_jwt/],
    [{ ...DOCUMENT, token_endpoint_auth_method: 'client_secret_jwt' }, /must be none, or private_key_jwt/],
    [{ ...DOCUMENT, token_endpoint_auth_method: 'tls_client_auth' }, /must be none, or private_key_jwt/],
    [{ ...DOCUMENT, ...jwt }, /private_key_jwt with keys/],
    [
      { ...DOCUMENT, ...jwt, jwks: { keys: [JWK] }, jwks_uri: 'https://x.example/keys' },
      /both jwks and jwks_uri/,
    ],
    [{ ...DOCUMENT, ...jwt, jwks: { keys: [] } }, /not a JWK Set/],
    [{ ...DOCUMENT, ...jwt, jwks: [JWK] }, /not a JWK Set/],
    [{ ...DOCUMENT, ...jwt, jwks: { keys: [JWK, { ...JWK, d: 'ZA' }] } }, /private parts/],
    [{ ...DOCUMENT, ...jwt, jwks: { keys: [{ kty: 'oct', k: 'aw' }] } }, /private parts/],
    [{ ...DOCUMENT, ...jwt, jwks_uri: 'http://client.example/keys' }, /jwks_uri is not https/],
    [{ ...DOCUMENT, ...jwt, jwks_uri: 'keys' }, /jwks_uri is not https/],
  ]
  for (const [content, message] of cases) {
    const document = JSON.parse(JSON.stringify(content))
    t.throws(() => parseMetadataDocument(document, URL_), { code: 'invalid_client', message })
  }
})

test('client_uri is kept only on the host that proves the document (RFC 7591 §2)', async (t) => {
  t.equal(parse({ client_uri: 'https://client.example/about' }).homepage, 'https://client.example/about')
  for (const client_uri of [
    ...[
      'https://cursor.com/',
      'http://client.example/',
      'https://client.example:8443/',
      'https://sub.client.example/',
    ],
    ...[
      'javascript:alert(1)',
      '/about',
      '',
      'https://user@client.example/',
      `https://client.example/${'x'.repeat(300)}`,
    ],
    ...[1, null, {}, ['https://client.example/']],
  ])
    t.equal(parse({ client_uri }).homepage, undefined, String(client_uri).slice(0, 40))
})
