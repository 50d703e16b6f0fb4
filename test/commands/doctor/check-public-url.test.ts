import { type Test, test } from 'tap'
import { checkPublicUrl } from '../../../commands/doctor/check-public-url.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { createSettings, list } from '../../support/doctor.ts'
import { findFreePort } from '../../support/free-port.ts'
import { type ReverseProxyOptions, startReverseProxy } from '../../support/reverse-proxy.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

test('a proxy that passes everything on is ok', async (t) => {
  const { front, check } = await startBehind(t)
  const findings = await check()
  t.same(
    findings.filter(({ status }) => status !== 'ok'),
    [],
  )
  const text = list(findings, 'ok').join('\n')
  t.match(text, `${front.url} leads to a running server`)
  t.match(text, `${front.url}/.well-known/oauth-authorization-server has the expected issuer, ${front.url}.`)
  t.match(text, `${front.url}/mcp requires a sign-in and says where`)
  t.match(text, 'How clients can register: DCR: yes')
})

test('a proxy that replaces the Host header is reported', async (t) => {
  const { check } = await startBehind(t, { host: 'upstream' })
  const errors = list(await check(), 'error')
  t.ok(errors.length > 0)
  for (const error of errors)
    t.match(error, /does not pass on the Host header.* → In nginx: proxy_set_header Host/)
})

test('a BASE_URL with a path needs the well-known documents at the root (RFC 8414 §3.1, RFC 9728 §3.1)', async (t) => {
  const { check } = await startBehind(t, {
    basePath: '/sentry',
    handlers: { '/.well-known/': (_request, response) => response.writeHead(404).end('Not found') },
  })
  const errors = list(await check(), 'error')
  t.match(errors, [
    /\/\.well-known\/oauth-authorization-server\/sentry does not lead to the server \(404\)\. → .*at the root of the host/,
    /\/\.well-known\/oauth-protected-resource\/sentry\/mcp does not lead to the server/,
  ])
  t.equal(errors.length, 2)
})

test('a BASE_URL with a path that the proxy passes on is ok', async (t) => {
  const { check } = await startBehind(t, { basePath: '/sentry' })
  t.same(list(await check(), 'error'), [])
})

test('documents that contain another BASE_URL are reported (RFC 8414 §3.3)', async (t) => {
  const { front } = await startBehind(t, { instanceBaseUrl: 'http://localhost:9' })
  const errors = list(await checkAt(front.url), 'error')
  t.match(errors, [
    /oauth-authorization-server names http:\/\/localhost:9 where clients expect http:\/\/localhost:\d+\. → Documents contain/,
    /oauth-protected-resource\/mcp names http:\/\/localhost:9\/mcp where/,
    /should respond with 401 and a WWW-Authenticate header/,
  ])
})

test('a proxy that drops WWW-Authenticate is reported (RFC 9728 §5.1)', async (t) => {
  const { check } = await startBehind(t, { dropped: ['www-authenticate'] })
  t.match(list(await check(), 'error'), [/clients get 401 without it\. → Let the proxy pass/])
})

test('a proxy that refuses POST is reported', async (t) => {
  const { check } = await startBehind(t, {
    handlers: { '/mcp': (_request, response) => response.writeHead(405).end() },
  })
  t.match(list(await check(), 'error'), [/clients get 405\. → Let the proxy pass POST/])
})

test('a response of another server at BASE_URL is explained by its status', async (t) => {
  for (const [status, headers, body, finding] of [
    [
      301,
      { location: 'https://www.example.com/health' },
      '',
      /redirects to https:\/\/www\.example\.com\/health\. → Set BASE_URL to/,
    ],
    [302, { location: '/login' }, '', /redirects to http:\/\/localhost:\d+\/login/],
    [401, {}, '', /requires its own sign-in or refuses the request \(401\)/],
    [403, {}, '', /refuses the request \(403\)/],
    [200, { 'content-type': 'text/html' }, '<html>', /Another server responds at .* \(200, text\/html\)/],
    [404, {}, '', /Another server responds at .* \(404, no content type\)/],
  ] as const) {
    const front = await startReverseProxy(t, {
      handlers: { '/': (_request, response) => response.writeHead(status, headers).end(body) },
    })
    const findings = await checkAt(front.url)
    t.match(list(findings, 'error'), [finding])
    t.equal(findings.length, 1, 'and no other finding')
  }
})

test('a proxy that does not reach the server is an error only if the server is running', async (t) => {
  const front = await startReverseProxy(t)
  const PORT = String(await findFreePort())
  t.match(list(await checkAt(front.url, { PORT }), 'warning'), [
    /responds with 502.* → If the server is not running yet/,
  ])
  const { port } = await startBehind(t)
  t.match(list(await checkAt(front.url, { PORT: port, HOST: 'localhost' }), 'error'), [
    new RegExp(
      `responds with 502: it does not reach the server\\. → The server itself is running\\. Point the proxy at port ${port}`,
    ),
  ])
})

test('a BASE_URL that cannot be reached is an error only if the server is running', async (t) => {
  const PORT = String(await findFreePort())
  const base = 'https://mcp.invalid'
  t.match(list(await checkAt(base, { PORT }), 'warning'), [
    /ENOTFOUND mcp\.invalid\. → If the server is not running yet/,
  ])
  const { port } = await startBehind(t)
  t.match(list(await checkAt(base, { PORT: port, HOST: 'localhost' }), 'error'), [
    /The server itself is running\. This machine cannot resolve the name/,
  ])
})

interface Behind extends ReverseProxyOptions {
  basePath?: string
  /** The BASE_URL of the server; that of the proxy by default. */
  instanceBaseUrl?: string
}

/** A server behind a proxy. */
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
