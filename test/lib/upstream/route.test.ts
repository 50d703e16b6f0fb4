import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates, TLSSocket } from 'node:tls'
import { type Test, test } from 'tap'
import { useOutgoingProxy } from '../../../lib/net/outgoing-proxy.ts'
import { SignInRequiredError } from '../../../lib/upstream/access.ts'
import { createUpstreamBudget } from '../../../lib/upstream/budget.ts'
import { createSentryLocation, type SentrySettings } from '../../../lib/upstream/location.ts'
import { requestSentry } from '../../../lib/upstream/request.ts'
import { DEFAULT_TIMEOUTS, runUpstreamCall, type UpstreamCall } from '../../../lib/upstream/tool-call.ts'
import { fetchUpstream, TOKEN_PLACEHOLDER } from '../../../lib/upstream/tool-fetch.ts'
import { type Certificate, createAuthority } from '../../support/certificate.ts'
import { startForwardProxy } from '../../support/forward-proxy.ts'

const AUTHORIZED = { headers: { Authorization: `Bearer ${TOKEN_PLACEHOLDER}` } }
const HEADERS = { 'x-access': 'the-secret-of-the-access-proxy', 'proxy-authorization': 'Bearer of-the-proxy' }
const PUBLIC_URL = 'https://sentry.example.com'

test('custom headers are sent with what carries the token of a user, and with nothing else', async (t) => {
  const [sentry, other] = [await startHost(t), await startHost(t)]
  const call = createCall(sentry.host, { SENTRY_CUSTOM_HEADERS: HEADERS })
  await fetchIn(call, `${sentry.origin}/api/0/auth/`, AUTHORIZED)
  await requestSentry(call.sentry, '/oauth/token/', { method: 'POST', body: 'x' })
  for (const { headers } of sentry.requests) t.match(headers, HEADERS)
  t.equal(sentry.requests[0]?.headers.authorization, 'Bearer the token')
  t.equal(sentry.requests.length, 2)

  // An AI provider may be on the host of Sentry.
  await fetchIn(call, `${sentry.origin}/v1/chat`, { headers: { authorization: 'Bearer sk-of-the-provider' } })
  await fetchIn(call, `${sentry.origin}/docs/page.md`)
  await fetchIn(call, `${other.origin}/v1/chat`, { headers: { 'x-api-key': 'key' } })
  await t.rejects(fetchIn(call, `${other.origin}/api/0/auth/`, AUTHORIZED), { message: /cannot be used at/ })
  for (const { headers } of [...sentry.requests.slice(2), ...other.requests])
    t.notMatch(JSON.stringify(headers), /the-secret|of-the-proxy/)
  t.equal(sentry.requests.length, 4)
  t.equal(other.requests.length, 1)
})

test('custom headers go with a redirect within Sentry, and not to another origin', async (t) => {
  const other = await startHost(t)
  const sentry = await startHost(t, ({ url }, response) => {
    const location = { '/api/0/old/': '/api/0/new/', '/api/0/away/': `${other.origin}/api/0/new/` }[url ?? '']
    if (location === undefined) response.end('{}')
    else response.writeHead(302, { location }).end()
  })
  const call = createCall(sentry.host, { SENTRY_CUSTOM_HEADERS: HEADERS })
  await fetchIn(call, `${sentry.origin}/api/0/old/`, AUTHORIZED)
  t.match(sentry.requests.at(-1), { url: '/api/0/new/', headers: HEADERS })
  await t.rejects(fetchIn(call, `${sentry.origin}/api/0/away/`, AUTHORIZED), {
    message: /is not followed\.$/,
  })
  await t.rejects(requestSentry(call.sentry, '/api/0/away/'), {
    cause: { message: /^Sentry redirects to http:\/\/127\.0\.0\.1:\d+, which is not followed\.$/ },
  })
  t.same(other.requests, [])
})

test('requests at the public address are sent to the internal one, and responses name the public one', async (t) => {
  const internal = await startHost(t, ({ url, headers }, response) => {
    const location = {
      '/api/0/relative/': '/api/0/new/?a=b',
      '/api/0/internal/': `http://${headers.host}/api/0/new/?a=b`,
      '/api/0/public/': `${PUBLIC_URL}/api/0/new/?a=b`,
      '/api/0/loop/': `${PUBLIC_URL}/api/0/loop/`,
    }[url ?? '']
    if (location === undefined) response.end('{}')
    else response.writeHead(301, { location }).end()
  })
  const call = createCall(internal.host, { SENTRY_PUBLIC_URL: PUBLIC_URL })
  const direct = await fetchIn(
    call,
    `${PUBLIC_URL}/api/0/projects/a/b/events/1/attachments/2/?download=1`,
    AUTHORIZED,
  )
  t.equal(direct.url, `${PUBLIC_URL}/api/0/projects/a/b/events/1/attachments/2/?download=1`)
  t.equal(internal.requests[0]?.url, '/api/0/projects/a/b/events/1/attachments/2/?download=1')
  for (const path of ['relative', 'internal', 'public']) {
    const { url } = await fetchIn(call, `${PUBLIC_URL}/api/0/${path}/`, AUTHORIZED)
    t.equal(url, `${PUBLIC_URL}/api/0/new/?a=b`, path)
    t.equal(internal.requests.at(-1)?.url, '/api/0/new/?a=b', path)
  }
  await t.rejects(fetchIn(call, `${PUBLIC_URL}/api/0/loop/`, AUTHORIZED), {
    message: /redirects in a circle/,
  })
})

test('an image of a public URL without a token is not sent to the internal address', async (t) => {
  const [internal, front] = [await startHost(t), await startHost(t)]
  const call = createCall(internal.host, { SENTRY_PUBLIC_URL: front.origin })
  await fetchIn(call, `${front.origin}/image.png`)
  t.equal(internal.requests.length, 0)
  t.equal(front.requests.length, 1)
})

test('a page in place of the API says nothing about the token, and an empty response does', async (t) => {
  for (const status of [401, 403, 404, 400]) {
    const sentry = await startHost(t, ({ url }, response) => {
      const isPage = url?.startsWith('/api/0/page/') === true
      response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' })
      response.end(isPage ? '\n<!DOCTYPE html><p>Sign in</p>' : '')
    })
    let renewals = 0
    const renewAccessToken = () => {
      renewals += 1
      return Promise.reject(new SignInRequiredError('No renewal.'))
    }
    const call = createCall(sentry.host, {}, renewAccessToken)
    await t.rejects(fetchIn(call, `${sentry.origin}/api/0/page/`, AUTHORIZED), {
      name: 'ToolFetchError',
      message: new RegExp(`HTTP ${status}, a web page.*SENTRY_CUSTOM_HEADERS`),
    })
    t.equal(renewals, 0, 'the token is not renewed')
    await t.rejects(requestSentry(call.sentry, '/api/0/page/'), { name: 'UpstreamUnavailableError' })
    t.equal((await requestSentry(call.sentry, '/api/0/none/')).status, status)
    t.equal((await fetchIn(call, `${sentry.origin}/api/0/none/`, AUTHORIZED)).status, status)
    t.equal(renewals, status === 401 ? 1 : 0)
  }
})

test('so does a refusal in a text, as Google IAP sends it', async (t) => {
  const sentry = await startHost(t, (_request, response) => {
    response.writeHead(401, { 'content-type': 'text/html; charset=UTF-8' })
    response.end('Invalid IAP credentials: empty token')
  })
  const call = createCall(sentry.host, {}, async () => t.fail('the token is renewed') as never)
  await t.rejects(fetchIn(call, `${sentry.origin}/api/0/auth/`, AUTHORIZED), {
    message: /HTTP 401, a text\)/,
  })
  await t.rejects(requestSentry(call.sentry, '/api/0/auth/'), { name: 'UpstreamUnavailableError' })
})

test('the client certificate is presented to Sentry, directly and through a proxy', async (t) => {
  const authority = await createAuthority(t)
  trust(t, authority.cert)
  const own = await authority.issue('sentry-mcp')
  const [near, far] = [await authority.issue('localhost'), await authority.issue('sentry.invalid')]
  for (const isFar of [false, true]) {
    const { port, names } = await startTlsHost(t, isFar ? far : near, authority.cert)
    // Only the proxy can resolve this name (RFC 2606 §2).
    const host = isFar ? 'sentry.invalid' : `localhost:${port}`
    const proxy = await startForwardProxy(t, { 'sentry.invalid': port })
    const settings = { SENTRY_PROTOCOL: 'https', HTTPS_PROXY: proxy.url } as const
    t.teardown(useOutgoingProxy({ HTTP_PROXY: undefined, NO_PROXY: [], ...settings }))
    const sentry = createSentryLocation({ SENTRY_HOST: host, ...settings })
    await t.rejects(requestSentry(sentry, '/api/0/'), { name: 'UpstreamUnavailableError' }, 'without one')
    t.same(names, [])

    const pair = { SENTRY_CLIENT_CERT: own.cert, SENTRY_CLIENT_KEY: own.key }
    const certified = createCall(host, { ...settings, ...pair })
    t.equal((await requestSentry(certified.sentry, '/api/0/')).status, 200)
    t.equal((await fetchIn(certified, `https://${host}/api/0/`, AUTHORIZED)).status, 200)
    t.same(names, ['sentry-mcp', 'sentry-mcp'])
    t.same(new Set(proxy.asked), new Set(isFar ? ['sentry.invalid:443'] : []))
  }
})

function fetchIn(call: UpstreamCall, url: string, init?: RequestInit): Promise<Response> {
  return runUpstreamCall(call, () => fetchUpstream(url, init))
}

function createCall(
  SENTRY_HOST: string,
  settings: Partial<SentrySettings>,
  renewAccessToken: UpstreamCall['caller']['renewAccessToken'] = () =>
    Promise.reject(new SignInRequiredError('No renewal.')),
): UpstreamCall {
  const { signal } = new AbortController()
  return {
    signal,
    sentry: createSentryLocation({ SENTRY_HOST, SENTRY_PROTOCOL: 'http', ...settings }),
    timeouts: DEFAULT_TIMEOUTS,
    share: createUpstreamBudget().open('user', signal),
    largeFiles: new Map(),
    leftOut: [],
    accessToken: 'the token',
    caller: { constraints: {}, renewAccessToken },
  }
}

async function startHost(
  t: Test,
  respond = (_request: IncomingMessage, response: ServerResponse): unknown => response.end('{}'),
): Promise<{ origin: string; host: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    respond(request, response)
  })
  const port = await listen(t, server)
  return { origin: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, requests }
}

/** A host that wants a certificate of an authority; `names` are those of the certificates that it got. */
async function startTlsHost(t: Test, { key, cert }: Certificate, ca: string) {
  const names: string[] = []
  const options = { key, cert, ca, requestCert: true, rejectUnauthorized: true }
  const server = createTlsServer(options, ({ socket }, response) => {
    if (socket instanceof TLSSocket) names.push(String(socket.getPeerCertificate().subject.CN))
    response.end('{}')
  })
  return { port: await listen(t, server), names }
}

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Trusts an authority, as with NODE_EXTRA_CA_CERTS, which Node reads only at its start. */
function trust(t: Test, ca: string): void {
  const trusted = getCACertificates('default')
  t.teardown(() => setDefaultCACertificates(trusted))
  setDefaultCACertificates([...trusted, ca])
}
