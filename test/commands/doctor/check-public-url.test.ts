import { type Test, test } from 'tap'
import { checkPublicUrl } from '../../../commands/doctor/check-public-url.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { createSettings, list } from '../../support/doctor.ts'
import { findFreePort } from '../../support/free-port.ts'
import { type ReverseProxyOptions, startReverseProxy } from '../../support/reverse-proxy.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

test('behind a proxy that passes everything on, all is well', async (t) => {
  const { front, check } = await startBehind(t)
  const findings = await check()
  t.same(
    findings.filter(({ status }) => status !== 'ok'),
    [],
  )
  const text = list(findings, 'ok').join('\n')
  t.match(text, `${front.url} leads to a server that is up`)
  t.match(text, `${front.url}/.well-known/oauth-authorization-server names ${front.url}, as it should`)
  t.match(text, `${front.url}/mcp asks for a sign-in and says where`)
  t.match(text, 'Clients register by themselves')
})

test('a proxy that puts its own Host in place of the public one is named', async (t) => {
  const { check } = await startBehind(t, { host: 'upstream' })
  const errors = list(await check(), 'error')
  t.ok(errors.length > 0)
  for (const error of errors)
    t.match(error, /does not pass the Host header on.* → In nginx: proxy_set_header Host/)
})

test('with a path, the well-known documents have to be passed on at the root (RFC 8414 §3.1, RFC 9728 §3.1)', async (t) => {
  const { check } = await startBehind(t, {
    basePath: '/sentry',
    handlers: { '/.well-known/': (_request, response) => response.writeHead(404).end('Not found') },
  })
  const errors = list(await check(), 'error')
  t.match(errors, [
    /\/\.well-known\/oauth-authorization-server\/sentry is not answered by the server \(404\)\. → .*at the root of the host/,
    /\/\.well-known\/oauth-protected-resource\/sentry\/mcp is not answered by the server/,
  ])
  t.equal(errors.length, 2)
})

test('with a path that is passed on everywhere, all is well', async (t) => {
  const { check } = await startBehind(t, { basePath: '/sentry' })
  t.same(list(await check(), 'error'), [])
})

test('a server with another BASE_URL, which is what its documents follow, is told from this one (RFC 8414 §3.3)', async (t) => {
  const { front } = await startBehind(t, { instanceBaseUrl: 'http://localhost:9' })
  const errors = list(await checkAt(front.url), 'error')
  t.match(errors, [
    /oauth-authorization-server names http:\/\/localhost:9 where clients expect http:\/\/localhost:\d+\. → Documents follow/,
    /oauth-protected-resource\/mcp names http:\/\/localhost:9\/mcp where/,
    /should answer 401 and say where/,
  ])
})

test('a proxy that takes WWW-Authenticate away leaves clients without a way to sign in (RFC 9728 §5.1)', async (t) => {
  const { check } = await startBehind(t, { dropped: ['www-authenticate'] })
  t.match(list(await check(), 'error'), [/what arrives is 401 without that\. → Let the proxy pass/])
})

test('a proxy that refuses POST is noticed', async (t) => {
  const { check } = await startBehind(t, {
    handlers: { '/mcp': (_request, response) => response.writeHead(405).end() },
  })
  t.match(list(await check(), 'error'), [/what arrives is 405\. → Let the proxy pass POST/])
})

test('whatever else answers at BASE_URL is told apart', async (t) => {
  for (const [status, headers, body, finding] of [
    [
      301,
      { location: 'https://www.example.com/health' },
      '',
      /redirects to https:\/\/www\.example\.com\/health\. → BASE_URL should be/,
    ],
    [302, { location: '/login' }, '', /redirects to http:\/\/localhost:\d+\/login/],
    [401, {}, '', /wants a sign-in of its own or refuses \(401\)/],
    [403, {}, '', /refuses \(403\)/],
    [200, { 'content-type': 'text/html' }, '<html>', /answered by something else \(200, text\/html\)/],
    [404, {}, '', /answered by something else \(404, no type\)/],
  ] as const) {
    const front = await startReverseProxy(t, {
      handlers: { '/': (_request, response) => response.writeHead(status, headers).end(body) },
    })
    const findings = await checkAt(front.url)
    t.match(list(findings, 'error'), [finding])
    t.equal(findings.length, 1, 'and nothing more is guessed')
  }
})

test('a proxy that does not reach the server is an error only where the server is up', async (t) => {
  const front = await startReverseProxy(t)
  const PORT = String(await findFreePort())
  t.match(list(await checkAt(front.url, { PORT }), 'warning'), [
    /answers 502.* → If the server is not started yet/,
  ])
  const { port } = await startBehind(t)
  t.match(list(await checkAt(front.url, { PORT: port, HOST: 'localhost' }), 'error'), [
    new RegExp(`answers 502: it does not reach the server\\. → The server is up at port ${port}`),
  ])
})

test('a BASE_URL that cannot be reached is an error only where the server is up', async (t) => {
  const PORT = String(await findFreePort())
  const base = 'https://mcp.invalid'
  t.match(list(await checkAt(base, { PORT }), 'warning'), [
    /ENOTFOUND mcp\.invalid\. → If the server is not started yet/,
  ])
  const { port } = await startBehind(t)
  t.match(list(await checkAt(base, { PORT: port, HOST: 'localhost' }), 'error'), [
    /The server itself is up\. The name has no/,
  ])
})

interface Behind extends ReverseProxyOptions {
  basePath?: string
  /** The BASE_URL of the server, where it is not that of the proxy. */
  instanceBaseUrl?: string
}

/** A server on a port of its own that is reached through a proxy. */
async function startBehind(t: Test, { basePath = '', instanceBaseUrl, ...options }: Behind = {}) {
  const front = await startReverseProxy(t, options)
  const baseUrl = `${front.url}${basePath}`
  const settings = { ...useEmbeddedStore(t), BASE_URL: instanceBaseUrl ?? baseUrl }
  const { url } = await startService(t, { settings })
  front.target = url
  return { front, port: new URL(url).port, check: () => checkAt(baseUrl) }
}

function checkAt(BASE_URL: string, settings: Record<string, string> = {}) {
  const sentry = { host: 'sentry.invalid', clientId: 'id', clientSecret: 'secret' }
  return checkPublicUrl(loadConfig({ ...createSettings(sentry), BASE_URL, ...settings }))
}
