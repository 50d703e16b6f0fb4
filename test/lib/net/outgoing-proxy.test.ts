import { request } from 'node:http'
import { type Test, test } from 'tap'
import { loadConfig } from '../../../lib/config/load.ts'
import { monitorEgress } from '../../../lib/net/egress.ts'
import { fetchDocument } from '../../../lib/net/fetch-document.ts'
import type { Network } from '../../../lib/net/network.ts'
import { openPublicNetwork, useOutgoingProxy } from '../../../lib/net/outgoing-proxy.ts'
import { UpstreamRefusedError } from '../../../lib/upstream/oauth.ts'
import { startSentry } from '../../sandbox/sentry/server.ts'
import { createCertificate } from '../../support/certificate.ts'
import { startForwardProxy } from '../../support/forward-proxy.ts'
import { startMcp } from '../../support/mcp-service.ts'
import { startReverseProxy } from '../../support/reverse-proxy.ts'
import { createSandboxOAuth } from '../../support/sentry-oauth.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

/** A reserved name that does not resolve (RFC 2606 §2): only requests through the proxy reach it. */
const HOST = 'sentry.invalid'

test('requests to Sentry go through HTTP_PROXY, with its credentials', async (t) => {
  const { proxy, oauth, sentry } = await setUp(t)
  use(t, { HTTP_PROXY: proxy.url.replace('//', '//user:pass%40word@') })
  await t.rejects(oauth.exchangeCode('made-up', 'verifier'), { code: 'invalid_grant' })
  t.same(proxy.asked, [`${HOST}:80`])
  t.same(proxy.credentials, [`Basic ${btoa('user:pass@word')}`])
  t.equal(sentry.requests.length, 1)
})

test('the service uses the proxy of its settings until it is closed', async (t) => {
  const { proxy, sentry, oauth } = await setUp(t)
  const settings = { ...useEmbeddedStore(t), SENTRY_HOST: HOST, http_proxy: proxy.url }
  const { url, app } = await startService(t, { sharedSentry: sentry, settings })
  await t.rejects(oauth.exchangeCode('made-up', 'verifier'), { code: 'invalid_grant' })
  t.equal((await fetch(`${url}/health`)).status, 200)
  t.same([...new Set(proxy.asked)], [`${HOST}:80`], 'requests to this machine are direct')
  await app.close()
  await t.rejects(oauth.exchangeCode('made-up', 'verifier'), { name: 'UpstreamUnavailableError' })
})

test('tools and AI providers are reached through the proxy', async (t) => {
  const { proxy, sentry } = await setUp(t)
  const { call } = await startMcp(t, {
    sentry,
    settings: { SENTRY_HOST: HOST, OPENAI_API_KEY: 'key', OPENAI_BASE_URL: 'http://ai.invalid/v1' },
    // The AI SDK tries three times, and meanwhile the response must not become a stream.
    timing: { streamAfterMs: 60_000, heartbeatMs: 60_000 },
  })
  use(t, { HTTP_PROXY: proxy.url })
  t.match(await call('whoami'), { content: [{ text: /mara@tidewater\.example/ }] })
  await call('search_events', { organizationSlug: 'tidewater', query: 'errors of today' })
  t.same(new Set(proxy.asked), new Set([`${HOST}:80`, 'ai.invalid:80']))
})

test('requests to hosts of NO_PROXY and to this machine are direct', async (t) => {
  const { proxy, sentry, oauth } = await setUp(t)
  for (const NO_PROXY of [HOST, '.invalid', '*', `*, ${HOST}`, `other.example.com, ${HOST}`, `${HOST}:80`]) {
    const restore = useOutgoingProxy(readSettings({ HTTP_PROXY: proxy.url, NO_PROXY }))
    await t.rejects(oauth.exchangeCode('made-up', 'verifier'), { name: 'UpstreamUnavailableError' }, NO_PROXY)
    restore()
  }
  t.same(proxy.asked, [])

  for (const NO_PROXY of ['entry.invalid', 'try.invalid', `${HOST}:8080`]) {
    const restore = useOutgoingProxy(readSettings({ HTTP_PROXY: proxy.url, NO_PROXY }))
    await t.rejects(oauth.exchangeCode('made-up', 'verifier'), UpstreamRefusedError, NO_PROXY)
    restore()
  }
  t.equal(proxy.asked.length, 3)

  use(t, { HTTP_PROXY: proxy.url })
  t.equal((await fetch(sentry.url)).status, 200)
  t.equal(proxy.asked.length, 3)
})

test('https requests go through HTTPS_PROXY, else through HTTP_PROXY', async (t) => {
  const [one, other] = [await startForwardProxy(t, {}), await startForwardProxy(t, {})]
  for (const settings of [{ HTTPS_PROXY: one.url, HTTP_PROXY: other.url }, { HTTP_PROXY: one.url }]) {
    const restore = useOutgoingProxy(readSettings(settings))
    await t.rejects(fetch(`https://${HOST}/`), /fetch failed/, 'the proxy refuses')
    restore()
  }
  t.same([one.asked, other.asked], [[`${HOST}:443`, `${HOST}:443`], []])
})

test('requests of node:http go through the proxy too, until it is undone', async (t) => {
  const { proxy, oauth } = await setUp(t)
  const restore = useOutgoingProxy(readSettings({ HTTP_PROXY: proxy.url }))
  const status = await new Promise((resolve) => {
    request(`http://${HOST}/`)
      .on('response', ({ statusCode }) => resolve(statusCode))
      .on('error', resolve)
      .end()
  })
  t.equal(status, 200)
  restore()
  await t.rejects(oauth.exchangeCode('made-up', 'verifier'), { name: 'UpstreamUnavailableError' })
  t.same(proxy.asked, [`${HOST}:80`])
})

test('lower-case names take precedence, as for other programs', async (t) => {
  const settings = readSettings({
    HTTPS_PROXY: 'http://big.example.com',
    https_proxy: 'proxy.example.com:3128',
    no_proxy: 'a.example.com, .b.example.com',
  })
  t.match(settings, {
    HTTPS_PROXY: 'http://proxy.example.com:3128',
    NO_PROXY: ['a.example.com', '.b.example.com'],
  })
})

test('documents of clients are fetched through the proxy, which may be the only one to resolve their host', async (t) => {
  const { network, proxy, host } = await startPublisher(t)
  const { content } = await fetchDocument('https://client.example/client.json', { network, maxBytes: 100 })
  t.same(content, { client_id: 'https://client.example/client.json' })
  t.same(proxy.asked, ['client.example:443'])

  const direct = openPublicNetwork(readSettings({ HTTPS_PROXY: proxy.url, NO_PROXY: 'client.example' }))
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
  const near = { ...network, ...direct, resolve, isAllowedAddress: () => true }
  const url = `https://client.example:${host.port}/client.json`
  t.ok(await fetchDocument(url, { network: near, maxBytes: 100 }), 'directly where NO_PROXY says so')
  t.same(proxy.asked, ['client.example:443'])
})

test('behind a proxy too, private addresses and foreign certificates are refused', async (t) => {
  const { network, proxy } = await startPublisher(t)
  const resolve = async () => [{ address: '10.0.0.1', family: 4 }]
  const inner = fetchDocument('https://client.example/client.json', {
    network: { ...network, resolve },
    maxBytes: 100,
  })
  t.match(await inner.catch(readCause), /resolves to 10\.0\.0\.1, which is not allowed/)
  t.same(proxy.asked, [], 'the proxy is not contacted')
  const foreign = fetchDocument('https://other.example/client.json', { network, maxBytes: 100 })
  t.match(await foreign.catch(readCause), /does not match certificate/)
})

test('egress is checked through the proxy', async (t) => {
  const { network, proxy, host } = await startPublisher(t)
  const check = async (place: string) => {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const monitor = monitorEgress([place], { network, onChange: resolve })
    t.teardown(() => monitor.close())
    await promise
    return monitor.isOpen()
  }
  t.equal(await check('client.example'), true)
  t.equal(await check('other.example'), false)
  t.equal(await check('nowhere.example'), false)
  t.same(proxy.asked, ['client.example:443', 'other.example:443', 'nowhere.example:443'])
  t.same(host.requests, [], 'it sends no request')
})

/** A publisher at client.example that only a proxy can reach. */
async function startPublisher(t: Test) {
  const certificate = await createCertificate(t, 'client.example')
  const requests: string[] = []
  const { url } = await startReverseProxy(t, {
    certificate,
    handlers: {
      '/': (request, response) => {
        requests.push(request.url ?? '')
        response.setHeader('content-type', 'application/json')
        response.end('{"client_id":"https://client.example/client.json"}')
      },
    },
  })
  const port = Number(new URL(url).port)
  const proxy = await startForwardProxy(t, { 'client.example': port, 'other.example': port })
  const network: Network = {
    ...openPublicNetwork(readSettings({ HTTPS_PROXY: proxy.url })),
    resolve: async () => [],
    ca: certificate.cert,
  }
  t.teardown(() => network.agent?.destroy())
  return { network, proxy, host: { port, requests } }
}

function readCause(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
}

function readSettings(settings: Record<string, string | undefined>) {
  const key = 'k'.repeat(32)
  return loadConfig({
    BASE_URL: 'http://localhost:3000',
    SENTRY_HOST: HOST,
    SENTRY_CLIENT_ID: 'id',
    SENTRY_CLIENT_SECRET: 'secret',
    ENCRYPTION_KEY: key,
    JWT_SIGNING_KEY: key,
    ...settings,
  })
}

function use(t: Test, settings: Record<string, string>): void {
  t.teardown(useOutgoingProxy(readSettings(settings)))
}

/** A Sentry whose name only the proxy can resolve. */
async function setUp(t: Test) {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const proxy = await startForwardProxy(t, { [HOST]: Number(new URL(sentry.url).port) })
  const oauth = createSandboxOAuth({ ...sentry, host: HOST })
  return { sentry, proxy, oauth }
}
