import {
  discoverAuthorizationServerMetadata,
  discoverOAuthServerInfo,
} from '@modelcontextprotocol/sdk/client/auth.js'
import tap, { test } from 'tap'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startService } from '../support/service.ts'

const { url } = await startService(tap)
const client = await registerClient(url)
const { access_token: token } = await client.signIn()

const RESOURCES = ['/mcp', '/mcp/acme', '/mcp/acme/web-shop']

test('the authorization server has one metadata document, for its own path alone (RFC 8414 §3.1, §3.3)', async (t) => {
  const documents = []
  for (const place of ['oauth-authorization-server', 'openid-configuration']) {
    for (const slash of ['', '/']) {
      const response = await fetch(`${url}/.well-known/${place}${slash}`)
      t.equal(response.status, 200, place)
      t.equal(response.headers.get('cache-control'), 'public, max-age=300', place)
      documents.push(await response.json())
    }
  }
  t.match(documents[0], { issuer: url, service_documentation: `${url}/` })
  for (const document of documents) t.same(document, documents[0])
  t.equal((await fetch(`${url}/`)).status, 200, 'the page it names is there')
  for (const place of [
    '/.well-known/oauth-authorization-server/mcp',
    '/.well-known/oauth-authorization-server/mcp/',
    '/.well-known/oauth-authorization-server/mcp/acme/web-shop',
    '/.well-known/openid-configuration/mcp',
    '/.well-known/openid-configuration/anything',
    '/mcp/.well-known/openid-configuration',
    '/mcp/.well-known/oauth-authorization-server',
    '/mcp/acme/.well-known/openid-configuration',
  ]) {
    const response = await fetch(`${url}${place}`, { headers: { origin: 'https://app.example' } })
    t.equal(response.status, 404, place)
    t.equal(response.headers.get('access-control-allow-origin'), '*', 'which a browser can read')
    t.equal(response.headers.get('cache-control')?.includes('public') ?? false, false)
  }
})

test('clients that look below the path of a resource fall back to the root (RFC 8414 §3.3)', async (t) => {
  for (const path of RESOURCES) {
    const metadata = await discoverAuthorizationServerMetadata(new URL(`${url}${path}`))
    t.equal(metadata, undefined, 'a client that forms the URL from its server finds no other issuer')
    const { resourceMetadata } = await discoverOAuthServerInfo(`${url}${path}`)
    t.equal(resourceMetadata?.resource, `${url}${path}`)
    const server = resourceMetadata?.authorization_servers?.[0] ?? ''
    t.match(await discoverAuthorizationServerMetadata(server), { issuer: url })
    t.match(await discoverAuthorizationServerMetadata(new URL('/', url)), { issuer: url })
  }
})

test('a slash at the end is served without a redirect (open-webui/mcpo#209, PrefectHQ/fastmcp#1867)', async (t) => {
  for (const path of RESOURCES) {
    const place = `${url}/.well-known/oauth-protected-resource${path}/`
    const found = await fetch(place, { redirect: 'manual' })
    t.equal(found.status, 200, path)
    const document = (await found.json()) as { resource: string }
    t.equal(document.resource, `${url}${path}/`, 'the URL that the client used (RFC 9728 §3.3)')
    for (const slashed of [`${url}${path}/`, `${url}${path}/?skills=inspect`]) {
      const challenged = await fetch(slashed, { method: 'POST', redirect: 'manual' })
      t.equal(challenged.status, 401, slashed)
      t.match(challenged.headers.get('www-authenticate'), `resource_metadata="${place}"`)
    }
    const slashedClient = await registerClient(url)
    const tokens = await slashedClient.signIn({ resource: document.resource })
    t.equal(
      (await postMcp(`${url}${path}/`, tokens.access_token, 'ping')).status,
      path === '/mcp' ? 200 : 403,
    )
  }
  t.equal((await postMcp(`${url}/mcp/`, token, 'tools/list')).status, 200)
  t.equal((await postMcp(`${url}/mcp/?x=1`, token, 'tools/list')).status, 200)
  t.equal((await fetch(`${url}/mcp/`, { headers: { authorization: `Bearer ${token}` } })).status, 405)
  for (const path of ['/mcp//', '/mcp/acme//', '/mcp/a/b/c/'])
    t.equal((await fetch(`${url}${path}`, { method: 'POST' })).status, 404, path)
  for (const path of ['token', 'revoke', 'register'])
    t.not((await fetch(`${url}/oauth/${path}/`, { method: 'POST' })).status, 404, path)
  t.equal((await fetch(`${url}/account/`)).status, 200)
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
