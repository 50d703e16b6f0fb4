import { test } from 'tap'
import { createCodeResponse, createErrorResponse } from '../../../../lib/oauth/authorize/response.ts'
import { AccessDeniedError } from '../../../../lib/oauth/errors.ts'

const ISSUER = 'https://mcp.example.com'
const URI = 'https://client.example/cb'

function respond(redirectUri: string, state?: string): URL {
  return new URL(createCodeResponse({ redirectUri, state }, ISSUER, 'the-code'))
}

test('a code response has code, state and iss (RFC 6749 §4.1.2, RFC 9207 §2)', async (t) => {
  const url = respond(URI, 'opaque')
  t.equal(url.origin + url.pathname, URI)
  t.strictSame(
    [...url.searchParams],
    [
      ['code', 'the-code'],
      ['state', 'opaque'],
      ['iss', ISSUER],
    ],
  )
})

test('an error response has error, error_description, state and iss (RFC 6749 §4.1.2.1)', async (t) => {
  const redirect = { redirectUri: URI, state: 'opaque' }
  const url = new URL(createErrorResponse(redirect, ISSUER, new AccessDeniedError('The user said no.')))
  t.strictSame(
    [...url.searchParams],
    [
      ['error', 'access_denied'],
      ['error_description', 'The user said no.'],
      ['state', 'opaque'],
      ['iss', ISSUER],
    ],
  )
})

test('a space is encoded as %20, never as + (RFC 3986 §2.1, RFC 6749 Appendix B)', async (t) => {
  const redirect = { redirectUri: URI, state: 'a b+c%20d' }
  const text = createErrorResponse(redirect, ISSUER, new AccessDeniedError('The user said no.'))
  t.match(text, 'error_description=The%20user%20said%20no.&state=a%20b%2Bc%2520d&')
  const [, description = ''] = /error_description=([^&]*)/.exec(text) ?? []
  t.equal(decodeURIComponent(description), 'The user said no.')
  t.equal(new URL(text).searchParams.get('state'), redirect.state)
})

test('state is returned byte for byte, and omitted if none was sent', async (t) => {
  const states = [
    'a b+c',
    'ä“🔑”',
    '&code=evil',
    'a=b&c=d#e',
    '%2e%2e',
    '<script>\'"',
    ' ',
    'x'.repeat(2048),
    '\r\nA: b',
  ]
  for (const state of states) {
    const url = respond(URI, state)
    t.strictSame(url.searchParams.getAll('state'), [state])
    t.strictSame(url.searchParams.getAll('code'), ['the-code'])
    t.equal(url.hash, '')
    t.match(url.href, /^[\x21-\x7e]+$/, 'it is a header value of one line')
  }
  t.equal(respond(URI).searchParams.has('state'), false)
})

test('the query of the redirect URI is kept byte for byte (RFC 6749 §3.1.2)', async (t) => {
  for (const query of [
    'tenant=a',
    'flag',
    'x=%20y&flag&z=a+b',
    'a=1&a=2',
    'q=%2F%2f&=&b',
    'stateful=1&isset=2',
  ]) {
    const { search } = respond(`${URI}?${query}`, 's')
    const kept = query
      .split('&')
      .filter((pair) => pair !== '')
      .join('&')
    t.equal(search, `?${kept}&code=the-code&state=s&iss=${encodeURIComponent(ISSUER)}`, query)
  }
})

test('a redirect URI cannot add response parameters of its own (RFC 9207 §2)', async (t) => {
  const url = respond(
    `${URI}?iss=https://evil.example&code=evil&state=evil&error=x&%69ss=evil&error_uri=e&keep=1`,
    's',
  )
  t.strictSame(
    [...url.searchParams],
    [
      ['keep', '1'],
      ['code', 'the-code'],
      ['state', 's'],
      ['iss', ISSUER],
    ],
  )
  t.strictSame(respond(`${URI}?state=evil`).searchParams.getAll('state'), [], 'where none was sent either')
})

test('every kind of redirect URI receives the response in its query', async (t) => {
  const query = `code=the-code&iss=${encodeURIComponent(ISSUER)}`
  for (const uri of [
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'com.example.app:/cb',
    'com.example.app:cb',
    'vscode://vscode.git',
    'http://[::1]:1/cb',
    'http://127.0.0.1:33418/',
  ]) {
    t.equal(createCodeResponse({ redirectUri: uri, state: undefined }, ISSUER, 'the-code'), `${uri}?${query}`)
  }
  const bare = createCodeResponse(
    { redirectUri: 'http://127.0.0.1:33418', state: undefined },
    ISSUER,
    'the-code',
  )
  t.equal(bare, `http://127.0.0.1:33418/?${query}`)
})
