import { request } from 'node:http'
import tap, { test } from 'tap'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'

const { url } = await startService(tap)
const OWN = new URL(url)
const client = await registerClient(url)
const { access_token: token } = await client.signIn()

const BROWSER_PATHS = [
  '/oauth/authorize',
  '/oauth/consent',
  '/oauth/callback',
  '/account',
  '/account/revoke',
  '/',
]
const CLIENT_PATHS = ['/oauth/register', '/oauth/token', '/oauth/revoke', '/mcp']

const ACCEPT = { accept: 'application/json, text/event-stream' }

/** `fetch` does not allow setting Host. */
function sendWithHost(path: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host, authorization: `Bearer ${token}` }
    request({ host: OWN.hostname, port: OWN.port, path, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on('error', reject)
      .end()
  })
}

test('a foreign Host is refused at every path (DNS rebinding: CVE-2025-66414, GHSA-w48q-cv73-mx4w, CVE-2025-66416, CVE-2026-34742)', async (t) => {
  const paths = [...BROWSER_PATHS, ...CLIENT_PATHS, '/.well-known/oauth-authorization-server']
  for (const path of paths) {
    t.equal(await sendWithHost(path, `evil.example:${OWN.port}`), 403, path)
    t.equal(await sendWithHost(path, `localhost.evil.example:${OWN.port}`), 403, path)
    t.not(await sendWithHost(path, OWN.host), 403, `${path} by its own name`)
  }
  t.equal(await sendWithHost('/health', '10.0.0.7'), 200, 'probes come by address')
})

test('an absolute-form target with a foreign host is refused, beside our Host too (RFC 9112 §3.2.2)', async (t) => {
  const send = (target: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { host: OWN.host }
      request({ host: OWN.hostname, port: OWN.port, path: target, headers }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
        .on('error', reject)
        .end()
    })
  for (const target of [
    'http://evil.example/',
    'https://evil.example/oauth/authorize',
    `http://${OWN.host}@evil.example/`,
    `http://evil.example:${OWN.port}/`,
  ])
    t.equal(await send(target), 403, target)
  t.equal(await send(`http://${OWN.host}/`), 200, 'its own')
})

test('over https, HSTS is for this host and not for those below it (RFC 6797 §6.1)', async (t) => {
  const settings = { ...useEmbeddedStore(t), BASE_URL: 'https://mcp.example.com', TRUST_PROXY: '127.0.0.1' }
  const { app } = await startService(t, { settings })
  const response = await app.inject({ url: '/', headers: { host: 'mcp.example.com' } })
  t.equal(response.headers['strict-transport-security'], 'max-age=31536000')
})

test('a page of another origin cannot call tools, even with a token (CVE-2025-66414)', async (t) => {
  const send = (origin: string, bearer: string) =>
    fetch(`${url}/mcp`, { method: 'POST', headers: { origin, authorization: `Bearer ${bearer}` } })
  for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example'])
    t.equal((await send(origin, token)).status, 403, origin)
  t.equal((await send('https://evil.example', 'none')).status, 401, 'who calls is settled first')
  t.not((await send(OWN.origin, token)).status, 403)
  t.equal((await postMcp(`${url}/mcp`, token, 'tools/list')).status, 200, 'no page, no Origin')
})

test('CORS opens discovery to all origins, and tokens to none (getsentry/sentry-mcp#812)', async (t) => {
  const read = async (path: string, origin: string, method = 'OPTIONS') => {
    const headers = { origin, 'access-control-request-method': 'POST' }
    const response = await fetch(`${url}${path}`, { method, headers, redirect: 'manual' })
    t.equal(response.headers.get('access-control-allow-credentials'), null, 'no cookie is ever meant')
    return response.headers.get('access-control-allow-origin')
  }
  for (const path of [
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-protected-resource/mcp',
    '/mcp/.well-known/openid-configuration',
  ])
    t.equal(await read(path, 'https://app.example', 'GET'), '*', path)
  for (const path of CLIENT_PATHS) {
    t.equal(await read(path, 'https://evil.example'), null, path)
    t.equal(await read(path, 'https://evil.example', 'POST'), null, path)
    t.equal(
      await read(path, 'http://localhost:6274'),
      'http://localhost:6274',
      `${path}: tools of this machine`,
    )
  }
  for (const path of BROWSER_PATHS)
    for (const origin of ['https://evil.example', 'http://localhost:6274', OWN.origin])
      t.equal(await read(path, origin, 'GET'), null, `${path} from ${origin}`)
})

test('pages cannot be framed, scripted or sniffed, and forms may redirect to any client (RFC 9700 §4.16)', async (t) => {
  for (const page of [`${url}/`, `${url}/account`, client.createAuthorizeUrl(), `${url}/oauth/authorize`]) {
    const { headers } = await fetch(page)
    const policy = headers.get('content-security-policy') ?? ''
    t.match(policy, /default-src 'none'.*frame-ancestors 'none'.*base-uri 'none'/, page)
    t.notMatch(policy, /script-src|unsafe|form-action/, page)
    t.equal(headers.get('x-frame-options'), 'DENY')
    t.equal(headers.get('x-content-type-options'), 'nosniff')
    t.equal(headers.get('referrer-policy'), 'same-origin')
  }
})

test('ALLOWED_ORIGINS opens the endpoints for clients to those origins, without credentials, and no page', async (t) => {
  const app = 'https://app.example.com'
  const settings = { ...useEmbeddedStore(t), ALLOWED_ORIGINS: `${app}, http://localhost:5173` }
  const service = await startService(t, { settings })
  const own = await registerClient(service.url)
  const { access_token } = await own.signIn()
  const send = (path: string, origin: string, init: RequestInit = {}) =>
    fetch(`${service.url}${path}`, { redirect: 'manual', ...init, headers: { origin, ...init.headers } })
  const preflight = { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } }

  for (const path of [...CLIENT_PATHS, '/mcp/', '/mcp/acme', '/mcp/acme/web', '/oauth/token/', '/mcp?x=1']) {
    const allowed = await send(path, app, preflight)
    t.equal(allowed.headers.get('access-control-allow-origin'), app, path)
    t.equal(allowed.headers.get('access-control-allow-credentials'), null, path)
    t.match(allowed.headers.get('vary'), /Origin/i, path)
    const posted = await send(path, app, { method: 'POST' })
    t.equal(posted.headers.get('access-control-allow-origin'), app, `${path}: errors are readable too`)
    for (const other of [
      'https://evil.example',
      `${app}.evil.example`,
      'http://app.example.com',
      `${app}:8443`,
    ])
      t.equal((await send(path, other, preflight)).headers.get('access-control-allow-origin'), null, other)
  }
  const pages = [...BROWSER_PATHS, '/account/sign-in', '/health', '/oauth/tokens', '/mcpx', '/oauth/token/x']
  for (const path of pages) {
    for (const method of ['GET', 'POST', 'OPTIONS'])
      t.equal(
        (await send(path, app, { ...preflight, method })).headers.get('access-control-allow-origin'),
        null,
        path,
      )
  }

  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json', ...ACCEPT }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
  const called = await send('/mcp', app, { method: 'POST', headers, body })
  t.equal(called.status, 200)
  t.equal(called.headers.get('access-control-allow-origin'), app)
  t.match(called.headers.get('access-control-expose-headers'), /WWW-Authenticate/)
  t.equal((await send('/mcp', 'https://evil.example', { method: 'POST', headers, body })).status, 403)
  const consent = await send('/oauth/consent', app, {
    method: 'POST',
    body: new URLSearchParams({ csrf: 'x' }),
  })
  t.equal(consent.status, 400)
  const arrival = await own.open()
  if (arrival.kind !== 'page') return t.fail('the consent page is shown')
  const fields = [...arrival.page.html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)]
  const form = new URLSearchParams(fields.map(([, name = '', value = '']): [string, string] => [name, value]))
  form.set('decision', 'allow')
  form.set('skill', 'inspect')
  form.set('confirmed', 'yes')
  const cookie = arrival.page.headers.get('set-cookie')?.split(';')[0] ?? ''
  const post = (origin: string) =>
    send('/oauth/consent', origin, { method: 'POST', body: form, headers: { cookie } })
  t.equal((await post(app)).status, 403, 'the consent form does not read it')
  t.equal((await post(new URL(service.url).origin)).status, 303)
})
