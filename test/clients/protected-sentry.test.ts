import type { RequestListener } from 'node:http'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { type Test, test } from 'tap'
import { startSentry } from '../sandbox/sentry/server.ts'
import { type AccessProxyOptions, startAccessProxy } from '../support/access-proxy.ts'
import { createAuthority, createCertificate } from '../support/certificate.ts'
import { registerClient } from '../support/client.ts'
import { findFreePort } from '../support/free-port.ts'
import { postMcp } from '../support/mcp.ts'
import { connectOfficialClient } from '../support/official-client.ts'
import { startReverseProxy } from '../support/reverse-proxy.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { startServiceProcess } from '../support/service-process.ts'
import { createSettings } from '../support/settings.ts'
import { until } from '../support/wait-until.ts'

const HEADERS = {
  'cf-access-client-id': '7d0f9b2c41aa.access',
  'cf-access-client-secret': 'f3c1e0b79a5d42c8b6e1',
}

const CUSTOM_HEADERS = Object.entries(HEADERS)
  .map(([name, value]) => `${name}: ${value}`)
  .join('; ')

/** Calls tools as a user's client does; the text of their results. */
async function useTools(t: Test, mcpUrl: string): Promise<string> {
  const client = await connectOfficialClient(t, mcpUrl)
  const { tools } = await client.listTools()
  t.ok(tools.some(({ name }) => name === 'search_issues'))
  const call = async (name: string, args: Record<string, unknown>) => {
    const { content, isError } = (await client.callTool({ name, arguments: args })) as CallToolResult
    t.notOk(isError, name)
    return JSON.stringify(content)
  }
  const organizationSlug = 'tidewater-books'
  const texts = [
    await call('whoami', {}),
    await call('find_organizations', {}),
    await call('search_issues', { organizationSlug, query: 'is:unresolved' }),
  ]
  t.match(texts[0], /mara@tidewater\.example/)
  return texts.join('\n')
}

test('a client signs in and calls tools at a Sentry behind an access proxy', async (t) => {
  const { url, sentry, proxy, log, metricsPort } = await startBehindProxy(t)
  await useTools(t, `${url}/mcp`)
  t.same(proxy.refused, [], 'every request has the headers')
  t.ok(proxy.passed.includes('POST /oauth/token/'))
  t.ok(proxy.passed.includes('GET /api/client-config/'))
  t.ok(proxy.passed.some((request) => /GET \/api\/0\/.*issues/.test(request)))
  const pages = await Promise.all(['/', '/account', '/oauth/authorize'].map((path) => readText(url + path)))
  const metrics = await readText(`http://localhost:${metricsPort}/metrics`)
  t.match(metrics, 'sentry_mcp_upstream_request_duration_seconds')
  for (const value of Object.values(HEADERS)) {
    for (const text of [...pages, metrics, log.join(''), JSON.stringify(sentry.requests)])
      t.notMatch(text, value)
  }
})

test('ALLOWED_ORGANIZATIONS holds behind an access proxy too: membership is asked through it', async (t) => {
  const { url, sentry, proxy } = await startBehindProxy(
    t,
    {},
    {},
    { ALLOWED_ORGANIZATIONS: 'tidewater-books' },
  )
  sentry.setUser({ id: '1002', name: 'Nina Holt', email: 'nina@lantern.example', organizations: [] })
  await t.rejects(connectOfficialClient(t, `${url}/mcp`), 'a stranger')
  sentry.setUser({
    ...{ id: '1001', name: 'Mara Lind', email: 'mara@tidewater.example' },
    organizations: ['tidewater-books', 'lantern-labs'],
  })
  t.notMatch(await useTools(t, `${url}/mcp`), 'lantern-labs')
  t.same(proxy.refused, [])
})

test('the log warns of a client certificate that ends soon', async (t) => {
  for (const [days, warnings] of [
    [5, 1],
    [90, 0],
  ] as const) {
    const { file, keyFile } = await createCertificate(t, 'sentry-mcp', days)
    const settings = { SENTRY_PROTOCOL: 'https', SENTRY_CLIENT_CERT: file, SENTRY_CLIENT_KEY: keyFile }
    const { log } = await startService(t, { settings: { ...useEmbeddedStore(t), ...settings } })
    const found = log.filter((line) => line.includes('SENTRY_CLIENT_CERT has expired, or will soon'))
    t.equal(found.length, warnings, `${days} days`)
  }
})

async function readText(url: string): Promise<string> {
  return (await fetch(url)).text()
}

test('renewal and revocation have the headers too', async (t) => {
  const { url, sentry, proxy } = await startBehindProxy(t, { revokeEndpoint: true })
  const client = await registerClient(url)
  const { access_token: token, refresh_token: refreshToken } = await client.signIn()
  for (const candidate of sentry.issued) sentry.expireToken(candidate)
  const response = await postMcp(`${url}/mcp`, token, 'tools/call', { name: 'whoami', arguments: {} })
  t.match(await response.text(), /mara@tidewater\.example/)
  t.equal(sentry.counters.refreshes, 1)
  await fetch(`${url}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: refreshToken, client_id: client.id }),
  })
  await until('Sentry is asked to revoke', async () => proxy.passed.includes('POST /oauth/revoke/'))
  t.same(proxy.refused, [])
})

test('an access proxy that refuses ends no grant, and the headers that it repeats reach nobody', async (t) => {
  for (const [refusal, expected] of [
    [
      'page',
      /in front of Sentry responded \(HTTP 403, a web page\), and the request did not reach Sentry\. .*SENTRY_CUSTOM_HEADERS/,
    ],
    [
      'redirect',
      /Sentry redirects to http:\/\/127\.0\.0\.1:\d+\. If that is the sign-in page of an access proxy: .*SENTRY_CUSTOM_HEADERS/,
    ],
    ['json', /Sentry does not allow this \(HTTP 403\).*You sent .*\[redacted\]/s],
  ] as const) {
    const { url, sentry, proxy, log } = await startBehindProxy(t, {}, { refusal })
    const { access_token: token } = await (await registerClient(url)).signIn()
    const wrong = 'this-is-not-the-secret'
    proxy.headers['cf-access-client-secret'] = wrong
    for (const candidate of sentry.issued) sentry.expireToken(candidate)
    const response = await postMcp(`${url}/mcp`, token, 'tools/call', { name: 'whoami', arguments: {} })
    t.equal(response.status, 200)
    const text = await response.text()
    t.match(text, /"isError":true/)
    t.match(text, expected)

    const blocked = await registerClient(url)
    const redirect = await blocked.authorize()
    t.equal(redirect.searchParams.get('error'), 'temporarily_unavailable')
    for (const value of [...Object.values(HEADERS), 'Forbidden', '<!DOCTYPE']) {
      t.notMatch(text, value)
      t.notMatch(redirect.href, value)
      t.notMatch(log.join(''), value)
    }

    Object.assign(proxy.headers, HEADERS)
    const again = await postMcp(`${url}/mcp`, token, 'tools/call', { name: 'whoami', arguments: {} })
    t.match(await again.text(), /mara@tidewater\.example/, 'the grant is still there')
  }
})

test('with SENTRY_PUBLIC_URL browsers and links use it, and requests the internal address', async (t) => {
  const { front, sentry } = await startWithPublicUrl(t)
  const { url } = await startService(t, {
    sharedSentry: sentry,
    settings: { ...useEmbeddedStore(t), DIRECT_SEARCH: 'true', SENTRY_PUBLIC_URL: front.url },
  })
  const texts = await useTools(t, `${url}/mcp`)
  t.match(texts, `${front.url}/organizations/tidewater-books/issues/`)
  t.notMatch(texts, sentry.host)
  t.match(await (await fetch(url)).text(), new URL(front.url).host)

  const { access_token: token } = await (await registerClient(url)).signIn()
  for (const origin of [front.url, sentry.url]) {
    const address = `${origin}/organizations/tidewater-books/issues/STOREFRONT-1/`
    const args = { name: 'get_sentry_resource', arguments: { url: address } }
    const text = await (await postMcp(`${url}/mcp`, token, 'tools/call', args)).text()
    t.match(text, `${front.url}/organizations/tidewater-books/issues/`, `a link to ${origin}`)
    t.notMatch(text, sentry.host)
  }
  const list = { name: 'find_projects', arguments: { organizationSlug: 'tidewater-books' } }
  t.match(await (await postMcp(`${url}/mcp`, token, 'tools/call', list)).text(), /storefront/)
})

test('a client certificate, a private authority and a public URL work together', async (t) => {
  const authority = await createAuthority(t)
  const [server, own] = [await authority.issue('localhost'), await authority.issue('sentry-mcp')]
  const { front, sentry } = await startWithPublicUrl(t)
  const proxy = await startAccessProxy(t, {
    target: sentry.url,
    headers: HEADERS,
    certificate: server,
    clientAuthority: authority.cert,
  })
  const service = await startServiceProcess(t, (url) => {
    sentry.redirectUris.push(`${url}/oauth/callback`)
    return {
      ...createSettings(url, { ...sentry, host: proxy.host }),
      ...useEmbeddedStore(t),
      SENTRY_PROTOCOL: 'https',
      SENTRY_PUBLIC_URL: front.url,
      SENTRY_CUSTOM_HEADERS: CUSTOM_HEADERS,
      SENTRY_CLIENT_CERT: own.file,
      SENTRY_CLIENT_KEY: own.keyFile,
      NODE_EXTRA_CA_CERTS: authority.file,
      DIRECT_SEARCH: 'true',
      LOG_LEVEL: 'debug',
    }
  })
  t.notMatch(await useTools(t, `${service.url}/mcp`), proxy.host)
  t.same([...proxy.certificates], ['sentry-mcp'])
  t.same(proxy.refused, [])
  const keyLine = own.key.split('\n')[1] ?? ''
  t.ok(keyLine.length > 40)
  for (const value of [...Object.values(HEADERS), keyLine]) t.notMatch(service.log.join('\n'), value)
})

/** A Sentry that browsers reach at another address than this server, where its API is not open. */
async function startWithPublicUrl(t: Test) {
  const refuse: RequestListener = ({ url }, response) => {
    t.fail(`this server asks for ${url} at the public address`)
    response.writeHead(500).end()
  }
  const handlers = { '/api/': refuse, '/oauth/token/': refuse, '/oauth/revoke/': refuse }
  const front = await startReverseProxy(t, { handlers })
  const sentry = await startSentry({ urlPrefix: front.url })
  t.teardown(() => sentry.close())
  front.target = sentry.url
  return { front, sentry }
}

/** The service in front of a Sentry behind an access proxy, whose headers a test can change. */
async function startBehindProxy(
  t: Test,
  sandbox: { revokeEndpoint?: boolean } = {},
  options: Pick<AccessProxyOptions, 'refusal'> = {},
  changes: Record<string, string> = {},
) {
  const sentry = await startSentry(sandbox)
  t.teardown(() => sentry.close())
  const headers = { ...HEADERS }
  const proxy = await startAccessProxy(t, { target: sentry.url, headers, ...options })
  const metricsPort = await findFreePort()
  const { url, log } = await startService(t, {
    sharedSentry: sentry,
    settings: {
      ...useEmbeddedStore(t),
      DIRECT_SEARCH: 'true',
      METRICS_PORT: String(metricsPort),
      SENTRY_HOST: proxy.host,
      SENTRY_CUSTOM_HEADERS: CUSTOM_HEADERS,
      ...changes,
    },
  })
  return { url, sentry, log, metricsPort, proxy: { ...proxy, headers } }
}
