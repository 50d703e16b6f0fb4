import { test } from 'tap'
import { SettingError } from '../../../lib/config/setting.ts'
import { parseStaticClients } from '../../../lib/config/static-clients.ts'
import { hashToken } from '../../../lib/crypto/hash.ts'

const SECRET = 's'.repeat(32)
const URIS = ['https://gateway.example/cb']

const parse = (...clients: unknown[]) => parseStaticClients(JSON.stringify(clients))

function findProblems(...clients: unknown[]): readonly string[] {
  try {
    parse(...clients)
    return []
  } catch (error) {
    if (error instanceof SettingError) return error.problems
    throw error
  }
}

test('a static client is client metadata with an id (RFC 7591 §2), and keeps only the hash of its secret', async (t) => {
  const confidential = {
    client_id: 'gateway',
    client_secret: SECRET,
    client_name: 'Gateway',
    redirect_uris: URIS,
  }
  const known = { id: 'gateway', name: 'Gateway', redirectUris: URIS, secretHash: hashToken(SECRET) }
  t.strictSame(parse(confidential, { client_id: 'public', redirect_uris: URIS, logo_uri: 'ignored' }), [
    { ...known, tokenEndpointAuthMethod: 'client_secret_basic' },
    { id: 'public', name: 'Unnamed client', redirectUris: URIS, tokenEndpointAuthMethod: 'none' },
  ])
  const post = { ...confidential, token_endpoint_auth_method: 'client_secret_post' }
  t.strictSame(parse(post), [{ ...known, tokenEndpointAuthMethod: 'client_secret_post' }])
  t.strictSame(parse(), [])
})

test('all problems are named, with the number of the client', async (t) => {
  const good = { client_id: 'gateway', client_secret: SECRET, redirect_uris: URIS }
  const wrong: [object, RegExp][] = [
    [{ ...good, client_id: undefined }, /client_id is missing/],
    [{ ...good, client_id: '' }, /client_id must be 1 to 200 ASCII/],
    [{ ...good, client_id: 'ünïcode' }, /client_id must be 1 to 200 ASCII/],
    [{ ...good, client_id: 'c1.x' }, /must not begin with https: or like an id/],
    [{ ...good, client_id: 'c2.x' }, /must not begin with https: or like an id/],
    [{ ...good, client_id: 'https://gateway.example/client' }, /must not begin with https: or like an id/],
    [{ ...good, client_secret: 'short' }, /client_secret must be 32 characters or more; .*openssl rand/],
    [{ ...good, client_secret: 5 }, /client_secret is missing or malformed/],
    [{ ...good, redirect_uris: [] }, /Invalid redirect_uri: at least one/],
    [{ ...good, redirect_uris: 'https://gateway.example' }, /redirect_uris is missing or malformed/],
    [{ ...good, redirect_uris: [...URIS, 'javascript:alert(1)'] }, /Invalid redirect_uri: number 2/],
    [{ ...good, redirect_uris: ['cursor://x/cb'], application_type: 'web' }, /application_type web/],
    [{ ...good, grant_types: ['client_credentials'] }, /grant_types must include authorization_code/],
    [{ ...good, response_types: ['token'] }, /response_types must include code/],
    [
      { ...good, token_endpoint_auth_method: 'none' },
      /must be client_secret_basic or client_secret_post with/,
    ],
    [
      { client_id: 'x', redirect_uris: URIS, token_endpoint_auth_method: 'client_secret_post' },
      /must be none without a client_secret/,
    ],
    [{ ...good, token_endpoint_auth_method: 'private_key_jwt' }, /must be client_secret_basic or/],
  ]
  for (const [client, problem] of wrong) {
    const problems = findProblems({ ...good, client_id: 'first' }, client)
    t.equal(problems.length, 1)
    t.match(problems[0], /^client 2: /)
    t.match(problems[0], problem)
  }
  t.equal(
    findProblems({ client_id: '', client_secret: 'x', redirect_uris: [] }, null).length,
    4,
    'all at once',
  )
  t.same(findProblems(good, { ...good, client_name: 'Other' }), ['two clients have the same client_id.'])
})

test('a value that is not a JSON array is refused', async (t) => {
  for (const text of ['', '{}', 'null', '"gateway"', '[', "[{'client_id':'x'}]"]) {
    t.throws(() => parseStaticClients(text), text)
  }
})
