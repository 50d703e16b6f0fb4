import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Test, test } from 'tap'
import { createBrowser } from '../sandbox/browser/browser.ts'
import { startSentry } from '../sandbox/sentry/server.ts'
import { walk } from '../sandbox/walk/walk.ts'
import { type Behaviour, type FakeBackend, startFakeBackend } from '../support/fake-backend.ts'
import { findFreePort } from '../support/free-port.ts'
import { type Nginx, startNginx } from '../support/nginx.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'

/** Pages that a person opens; the rest is for programs, or for the browser that began at the second one. */
const PAGES = ['/', '/oauth/authorize?client_id=a&state=b%26c&scope=org%3Aread%20team%3Aread', '/account']
const OF_PROGRAMS = [
  ['POST', '/mcp'],
  ['POST', '/mcp/tidewater'],
  ['POST', '/oauth/register'],
  ['POST', '/oauth/token'],
  ['POST', '/oauth/revoke'],
  ['GET', '/.well-known/oauth-protected-resource/mcp'],
  ['GET', '/.well-known/oauth-authorization-server'],
  ['GET', '/health/ready'],
] as const

/** What oauth2-proxy does: `/oauth2/auth` decides by a cookie, `/oauth2/start` signs on and leads back. */
const signOn: Behaviour = ({ url, headers }, response) => {
  const isSignedOn = headers.cookie?.includes('_oauth2_proxy=mara') === true
  if (url === '/oauth2/auth') response.writeHead(isSignedOn ? 202 : 401).end()
  else if (headers.cookie?.includes('_oauth2_proxy=') === true) response.writeHead(403).end()
  else
    response
      .writeHead(302, {
        'set-cookie': '_oauth2_proxy=mara; Path=/; Secure; HttpOnly; SameSite=Lax',
        location: String(headers['x-auth-request-redirect']),
      })
      .end()
}

/** Such a sign-on for a user who may not use the service. */
const refuse: Behaviour = (_request, response) => {
  response.writeHead(403).end()
}

async function startGateway(t: Test, behave: Behaviour = signOn) {
  const [sso, backend] = [await startFakeBackend(t, behave), await startFakeBackend(t)]
  return { sso, backend, nginx: await startWith(sso, { t, instances: [backend.port] }) }
}

function startWith(
  sso: FakeBackend,
  options: { t: Test; instances: number[]; port?: number },
): Promise<Nginx> {
  const { t, ...others } = options
  return startNginx(t, { ...others, sso: `http://127.0.0.1:${sso.port}` })
}

test('deploy/nginx-sso.conf is valid inside the server of deploy/nginx.conf', async (t) => {
  const { nginx } = await startGateway(t)
  t.match(await nginx.check(), /test is successful/)
  t.notMatch(await nginx.check(), /\[(warn|emerg)\]/)
})

test('a page is for users who signed on, and the way back has every parameter of the request', async (t) => {
  const { nginx, sso, backend } = await startGateway(t)
  for (const page of PAGES) {
    const response = await fetch(nginx.url + page, { redirect: 'manual' })
    t.equal(response.status, 302, page)
    t.equal(response.headers.get('location'), page)
    t.match(response.headers.get('set-cookie'), /^_oauth2_proxy=/)
  }
  t.equal(backend.requests.length, 0)
  t.equal(sso.requests.length, 2 * PAGES.length)
  for (const page of PAGES) {
    const response = await fetch(nginx.url + page, { headers: { cookie: '_oauth2_proxy=mara' } })
    t.equal(response.status, 200, page)
  }
  t.same(
    backend.requests.map(({ url }) => url),
    PAGES,
  )
})

// RFC 9728 §5.1: a client finds the authorization server by the 401 of the resource. A sign-on in front of it, with a
// redirect or a 401 of its own, leaves every MCP client outside.
test('nothing that a program requests is asked of the sign-on, and no header of it is changed', async (t) => {
  const { nginx, sso, backend } = await startGateway(t)
  const sent = {
    authorization: 'Bearer a.b.c',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'whoami',
    origin: 'https://client.example',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  }
  for (const [method, path] of OF_PROGRAMS)
    t.equal((await fetch(nginx.url + path, { method, headers: sent })).status, 200, path)
  t.equal(sso.requests.length, 0)
  t.equal(backend.requests.length, OF_PROGRAMS.length)
  for (const { headers } of backend.requests) t.match(headers, { ...sent, host: new URL(nginx.url).host })
})

test('a user whom the sign-on refuses reaches no page, and a sign-on that is down opens none', async (t) => {
  const { nginx, backend } = await startGateway(t, refuse)
  for (const page of PAGES) t.equal((await fetch(nginx.url + page)).status, 403, page)

  const closed = await startNginx(t, {
    instances: [backend.port],
    sso: `http://127.0.0.1:${await findFreePort()}`,
  })
  for (const page of PAGES) t.ok((await fetch(closed.url + page)).status >= 500, page)
  t.equal(backend.requests.length, 0)
  t.equal((await fetch(`${closed.url}/mcp`, { method: 'POST' })).status, 200, 'clients work on')
})

test('the session of the sign-on, by a path that only nginx may request, is not to be had from outside', async (t) => {
  const { nginx } = await startGateway(t)
  t.equal((await fetch(`${nginx.url}/oauth2/auth`)).status, 404)
})

test('a client signs in and calls tools through nginx with a sign-on in front of the service', async (t) => {
  const sso = await startFakeBackend(t, signOn)
  const port = await findFreePort()
  const settings = {
    ...useEmbeddedStore(t),
    BASE_URL: `https://localhost:${port}`,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    JWT_SIGNING_KEY: randomBytes(32).toString('base64'),
    TRUST_PROXY: '127.0.0.1',
    DIRECT_SEARCH: 'true',
  }
  const sentry = await startSentry({ redirectUris: [`${settings.BASE_URL}/oauth/callback`] })
  t.teardown(() => sentry.close())
  const { url } = await startService(t, { settings, sharedSentry: sentry })
  const nginx = await startWith(sso, { t, instances: [Number(new URL(url).port)], port })

  const browser = createBrowser()
  const { tools } = await walk(`${nginx.url}/mcp`, { browser })
  t.ok(tools.includes('whoami'))
  const signOns = sso.requests.filter(({ url }) => url === '/oauth2/start')
  t.equal(signOns.length, 1, 'the user signs on once')
  t.match(signOns[0]?.headers['x-auth-request-redirect'], /^\/oauth\/authorize\?.*code_challenge=/)
  t.same(new Set(sso.requests.map(({ url }) => url)), new Set(['/oauth2/auth', '/oauth2/start']))
})

test('docs/gateways.md names every path that the sign-on protects', (t) => {
  const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
  const document = read('docs/gateways.md')
  for (const page of PAGES) t.ok(document.includes(`\`${page.split('?')[0]}\``), page)
  t.end()
})
