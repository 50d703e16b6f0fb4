import { test } from 'tap'
import Value from 'typebox/value'
import { type ClientMetadata, omitNullMembers } from '../../../../lib/model/client-metadata.ts'
import { createRedirectUriPolicy } from '../../../../lib/model/redirect-uri-pattern.ts'
import {
  createRegistrationResponse,
  parseClientMetadata,
  RegistrationSchema,
} from '../../../../lib/oauth/clients/registration.ts'
import { BYPASSES, CLIENTS } from '../../model/redirect-uri-corpus.ts'

const everything = createRedirectUriPolicy(['*'])
const URIS = ['http://localhost:1234/callback']

const parse = (metadata: ClientMetadata, isAllowed = everything) => parseClientMetadata(metadata, isAllowed)
const readName = (name: string) => parse({ redirect_uris: URIS, client_name: name }).name

test('a client registers name and redirect URIs, and is public by default (RFC 7591 §2)', async (t) => {
  t.strictSame(parse({ redirect_uris: URIS, client_name: 'Cursor' }), {
    name: 'Cursor',
    redirectUris: URIS,
    tokenEndpointAuthMethod: 'none',
  })
  for (const method of ['none', 'private_key_jwt', 'tls_client_auth', 'nonsense', '']) {
    const metadata = { redirect_uris: URIS, token_endpoint_auth_method: method }
    t.equal(parse(metadata).tokenEndpointAuthMethod, 'none', method)
  }
})

for (const [client, uris] of Object.entries(CLIENTS)) {
  test(`${client} can register all of its redirect URIs at once`, async (t) => {
    t.strictSame(parse({ redirect_uris: [...uris] }).redirectUris, uris)
  })
}

test('one bad redirect URI refuses the registration and is named by its number (RFC 7591 §3.2.2)', async (t) => {
  for (const uri of Object.values(BYPASSES).flat()) {
    t.throws(
      () => parse({ redirect_uris: [...URIS, uri] }),
      { code: 'invalid_redirect_uri', status: 400, message: /^Invalid redirect_uri: number 2 is not/ },
      JSON.stringify(uri.slice(0, 80)),
    )
  }
  t.throws(() => parse({ redirect_uris: ['javascript:alert(1)'] }), { message: /^(?!.*javascript)/ })
})

test('a registration requires a redirect URI (RFC 7591 §2)', async (t) => {
  for (const metadata of [{}, { redirect_uris: [] }]) {
    t.throws(() => parse(metadata), { code: 'invalid_redirect_uri', message: /^Invalid redirect_uri: / })
  }
})

test('the operator’s patterns apply at registration (PrefectHQ/fastmcp#3066)', async (t) => {
  const isAllowed = createRedirectUriPolicy(['http://localhost:*'])
  t.strictSame(parse({ redirect_uris: URIS }, isAllowed).redirectUris, URIS)
  t.throws(
    () => parse({ redirect_uris: ['https://claude.ai/cb', 'https://vscode.dev/redirect'] }, isAllowed),
    {
      code: 'invalid_redirect_uri',
      message: 'Invalid redirect_uri: this server allows none of them.',
    },
  )
  for (const uri of Object.values(BYPASSES).flat()) {
    t.throws(() => parse({ redirect_uris: [uri] }, isAllowed), { code: 'invalid_redirect_uri' })
  }
})

test('the allowed redirect URIs of a client are registered, an unsafe one refuses it (RFC 7591 §3.2.1, modelcontextprotocol/servers#2444)', async (t) => {
  const isAllowed = createRedirectUriPolicy(['http://localhost:*'])
  const mixed = ['https://vscode.dev/redirect', ...URIS, 'http://127.0.0.1:33418/', 'vscode://x.y/callback']
  t.strictSame(parse({ redirect_uris: mixed }, isAllowed).redirectUris, URIS)
  t.strictSame(parse({ redirect_uris: mixed }).redirectUris, mixed, 'without patterns all')
  t.throws(() => parse({ redirect_uris: [...mixed, 'javascript:alert(1)'] }, isAllowed), {
    code: 'invalid_redirect_uri',
    message: /^Invalid redirect_uri: number 5 is not/,
  })
  const web = { redirect_uris: mixed, application_type: 'web' }
  t.throws(() => parse(web, isAllowed), { message: /application_type web/ })
})

test('a null member is as good as absent (RFC 7592 §2.2)', async (t) => {
  const members = [...Object.keys(RegistrationSchema.properties), 'client_secret', 'jwks', 'anything']
  const whole = { redirect_uris: URIS, ...Object.fromEntries(members.slice(1).map((name) => [name, null])) }
  t.strictSame(omitNullMembers(whole), { redirect_uris: URIS })
  t.ok(Value.Check(RegistrationSchema, omitNullMembers(whole)))
  t.strictSame(omitNullMembers({ redirect_uris: null, client_name: '' }), { client_name: '' })
  for (const other of [null, undefined, 5, 'text', [null], []]) t.strictSame(omitNullMembers(other), other)
  t.notOk(Value.Check(RegistrationSchema, omitNullMembers({ redirect_uris: [null] })), 'a list has no null')
})

test('a client is registered for what both client and server support (RFC 7591 §2)', async (t) => {
  t.ok(parse({ redirect_uris: URIS, grant_types: ['implicit', 'authorization_code'] }))
  t.ok(parse({ redirect_uris: URIS, grant_types: [], response_types: [] }))
  t.ok(parse({ redirect_uris: URIS, response_types: ['code', 'token'] }))
  for (const metadata of [
    { grant_types: ['client_credentials'] },
    { grant_types: ['refresh_token'] },
    { response_types: ['token'] },
    { response_types: ['code token'] },
  ]) {
    const [name] = Object.keys(metadata)
    t.throws(() => parse({ redirect_uris: URIS, ...metadata }), {
      code: 'invalid_client_metadata',
      message: new RegExp(`^${name} must include`),
    })
  }
})

test('control, format and bidi characters are removed from a name (CVE-2021-42574)', async (t) => {
  t.equal(readName('Claude\u202e edoC'), 'Claude edoC')
  t.equal(readName('a\u0000b\u001b[31mc\u200bd\u2066e\u2028f\u2029g\ufeffh\u00adi\nj'), 'ab[31mcde f ghi j')
  t.equal(readName('  Cursor  '), 'Cursor')
  t.equal(readName('“Ünïcode” 名前 🤖'), 'Ünïcode 名前 🤖')
  for (const name of ['', ' ', '\u200b\u200b', '\ud83d']) t.equal(readName(name), 'Unnamed client')
  t.equal(parse({ redirect_uris: URIS }).name, 'Unnamed client')
})

test('a name is cut to 60 whole characters', async (t) => {
  t.equal(readName('a'.repeat(500)), 'a'.repeat(60))
  t.equal(readName(`a${'🤖'.repeat(150)}`), `a${'🤖'.repeat(59)}`)
  t.equal(readName(`a${'🤖'.repeat(150)}`).isWellFormed(), true)
})

test('the response has what was registered, and no secret for a public client (RFC 7591 §3.2.1)', async (t) => {
  const registration = parse({ redirect_uris: URIS, client_name: 'Cursor' })
  t.strictSame(createRegistrationResponse({ clientId: 'c1.id' }, registration, 1_700_000_000), {
    client_id: 'c1.id',
    client_id_issued_at: 1_700_000_000,
    client_name: 'Cursor',
    redirect_uris: URIS,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  })
})

test('unknown metadata is ignored, known metadata must have its type (RFC 7591 §2)', async (t) => {
  const isValid = (metadata: unknown) => Value.Check(RegistrationSchema, metadata)
  t.ok(
    isValid({
      redirect_uris: URIS,
      client_uri: null,
      logo_uri: 5,
      jwks: {},
      software_id: 'x',
      'client_name#de': 'x',
    }),
  )
  const ten = Array.from({ length: 10 }, () => URIS[0])
  t.ok(isValid({ redirect_uris: ten }))
  for (const metadata of [
    null,
    [],
    'text',
    { redirect_uris: 'http://localhost:1/cb' },
    { redirect_uris: [5] },
    { redirect_uris: [...ten, URIS[0]] },
    { redirect_uris: URIS, client_name: 5 },
    { redirect_uris: URIS, grant_types: 'authorization_code' },
    { redirect_uris: URIS, token_endpoint_auth_method: ['none'] },
  ]) {
    t.notOk(isValid(metadata), JSON.stringify(metadata)?.slice(0, 80))
  }
})
