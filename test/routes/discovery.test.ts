import tap, { test } from 'tap'
import { registerClient } from '../support/client.ts'
import { startService } from '../support/service.ts'

const { url } = await startService(tap)
const client = await registerClient(url)
const { access_token: token } = await client.signIn()

const RESOURCES = ['/mcp', '/mcp/acme', '/mcp/acme/web-shop']

test('every discovery URL returns the same authorization server metadata (RFC 8414 §3.1, §3.3)', async (t) => {
  const places = [
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/mcp',
    '/.well-known/oauth-authorization-server/mcp/acme/web-shop',
    '/.well-known/openid-configuration',
    '/.well-known/openid-configuration/mcp',
    '/mcp/.well-known/openid-configuration',
  ]
  const documents = []
  for (const place of places) {
    const response = await fetch(`${url}${place}`)
    t.equal(response.status, 200, place)
    t.equal(response.headers.get('cache-control'), 'public, max-age=300', place)
    documents.push(await response.json())
  }
  t.match(documents[0], { issuer: url, service_documentation: `${url}/` })
  for (const document of documents) t.same(document, documents[0])
  t.equal((await fetch(`${url}/`)).status, 200, 'the page it names is there')
})

test('a resource’s metadata names exactly the requested resource (RFC 9728 §3.3)', async (t) => {
  const read = async (path: string) => {
    const response = await fetch(`${url}/.well-known/oauth-protected-resource${path}`)
    return { status: response.status, document: (await response.json()) as Record<string, unknown> }
  }
  for (const path of RESOURCES) {
    const { document } = await read(path)
    t.match(document, { resource: `${url}${path}`, authorization_servers: [url] })
    t.same(document.bearer_methods_supported, ['header'])
  }
  t.equal((await read('')).document.resource, `${url}/mcp`, 'without a path it is the whole')
  for (const path of ['/mcp/a/b/c', '/mcp/..%2fx', '/mcp/-a', '/other', '/mcp/a%20b'])
    t.equal((await read(path)).status, 404, path)
})

test('a request without a valid token gets a 401 challenge before any other check (RFC 6750 §3, RFC 9728 §5.1)', async (t) => {
  const credentials: [string, Record<string, string>, RegExp][] = [
    ['none', {}, /^Bearer scope=/],
    ['another scheme', { authorization: 'Basic eDp5' }, /^Bearer scope=/],
    [
      'a token that is invalid',
      { authorization: 'Bearer nonsense' },
      /^Bearer error="invalid_token", error_desc/,
    ],
    ['an altered one', { authorization: `Bearer ${token.slice(0, -2)}` }, /^Bearer error="invalid_token"/],
  ]
  for (const path of RESOURCES) {
    for (const method of ['POST', 'GET', 'DELETE', 'PUT']) {
      for (const [what, headers, expected] of credentials) {
        const response = await fetch(`${url}${path}`, { method, headers })
        const challenge = response.headers.get('www-authenticate') ?? ''
        t.equal(response.status, 401, `${method} ${path}, ${what}`)
        t.match(challenge, expected, what)
        t.match(challenge, /scope="org:read /)
        const named = [...challenge.matchAll(/resource_metadata="([^"]*)"/g)].map(([, place]) => place)
        t.same(named, [`${url}/.well-known/oauth-protected-resource${path}`], 'once, and of this resource')
        t.equal(response.headers.get('cache-control'), 'no-store')
      }
    }
  }
})

test('a token in URL or body is ignored (RFC 6750 §2.2 and §2.3, RFC 9700 §4.3.2)', async (t) => {
  const inUrl = await fetch(`${url}/mcp?access_token=${token}`, { method: 'POST' })
  t.equal(inUrl.status, 401)
  t.notMatch(inUrl.headers.get('www-authenticate'), 'error=')
  const body = new URLSearchParams({ access_token: token })
  t.equal((await fetch(`${url}/mcp`, { method: 'POST', body })).status, 401)
})
