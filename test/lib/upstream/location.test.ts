import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { loadMcpCore } from '../../../lib/mcp/core/load.ts'
import { createSentryLocation, REGIONS } from '../../../lib/upstream/location.ts'
import { startMcp } from '../../support/mcp-service.ts'

const HOSTS: [host: string, isCloud: boolean][] = [
  ['sentry.io', true],
  ['acme.sentry.io', true],
  ['us.sentry.io', true],
  ['a.b.sentry.io', true],
  ['sentry.example.com', false],
  ['localhost:9000', false],
  ['127.0.0.1:9000', false],
  ['sentry.io:8443', false],
  ['evilsentry.io', false],
  ['sentry.io.evil.example', false],
]

test('a host of sentry.io is cloud for this server and for mcp-core alike', async (t) => {
  const { isSentryHost } = await loadMcpCore()
  for (const [host, isCloud] of HOSTS) {
    t.equal(createSentryLocation({ SENTRY_HOST: host, SENTRY_PROTOCOL: 'https' }).isCloud, isCloud, host)
    t.equal(isSentryHost(host), isCloud, `${host}, by mcp-core`)
  }
})

test('sentry.io owns its regions, by https and below sentry.io only', async (t) => {
  for (const host of ['sentry.io', 'acme.sentry.io']) {
    const { owns } = createSentryLocation({ SENTRY_HOST: host, SENTRY_PROTOCOL: 'https' })
    for (const url of [`https://${host}/x`, 'https://sentry.io/', 'https://us.sentry.io/api/0/'])
      t.ok(owns(new URL(url)), `${host} owns ${url}`)
    for (const url of [
      'http://us.sentry.io/',
      'https://us.sentry.io:8443/',
      'https://sentry.io.evil.example/',
      'https://evilsentry.io/',
    ])
      t.notOk(owns(new URL(url)), `${host} does not own ${url}`)
  }
})

test('a self-hosted Sentry owns its origin only', async (t) => {
  const { owns, origin, host } = createSentryLocation({
    SENTRY_HOST: 'sentry.example.com:9000',
    SENTRY_PROTOCOL: 'http',
  })
  t.equal(origin, 'http://sentry.example.com:9000')
  t.equal(host, 'sentry.example.com:9000')
  t.ok(owns(new URL('http://sentry.example.com:9000/api/0/')))
  for (const url of [
    'https://sentry.example.com:9000/',
    'http://sentry.example.com/',
    'http://a.sentry.example.com:9000/',
    'https://us.sentry.io/',
  ])
    t.notOk(owns(new URL(url)), url)
})

test('with a public URL, links have it and requests are sent to SENTRY_HOST', async (t) => {
  const sentry = createSentryLocation({
    SENTRY_HOST: 'web.sentry.svc:9000',
    SENTRY_PROTOCOL: 'http',
    SENTRY_PUBLIC_URL: 'https://sentry.example.com',
  })
  t.match(sentry, { origin: 'https://sentry.example.com', host: 'sentry.example.com', protocol: 'https' })
  for (const [path, expected] of [
    ['/api/0/projects/a/b/?query=x%20y#z', '/api/0/projects/a/b/?query=x%20y#z'],
    ['//evil.example/', '//evil.example/'],
  ] as const) {
    for (const origin of ['https://sentry.example.com', 'http://web.sentry.svc:9000']) {
      const url = new URL(`${origin}${path}`)
      t.ok(sentry.owns(url), url.href)
      t.equal(sentry.routeTo(url).url.href, `http://web.sentry.svc:9000${expected}`, url.href)
      t.equal(sentry.publish(url).href, `https://sentry.example.com${expected}`, url.href)
    }
  }
  for (const other of [
    'http://sentry.example.com/',
    'https://web.sentry.svc:9000/',
    'https://evil.example/',
  ]) {
    t.notOk(sentry.owns(new URL(other)), other)
    t.throws(() => sentry.routeTo(new URL(other)), TypeError, other)
    t.equal(sentry.publish(new URL(other)).href, other)
  }
})

test('with SENTRY_HOST=acme.sentry.io tools have regions, as with sentry.io', async (t) => {
  for (const [SENTRY_HOST, isCloud] of [
    ['acme.sentry.io', true],
    ['sentry.io', true],
    ['sentry.example.com', false],
  ] as const) {
    const settings = { SENTRY_HOST, SENTRY_PROTOCOL: 'https', TOOL_SURFACE: 'full' }
    const { post } = await startMcp(t, { settings })
    const response = await post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
    const { result } = (await response.json()) as { result: { tools: { inputSchema: object }[] } }
    const schemas = JSON.stringify(result.tools.map(({ inputSchema }) => inputSchema))
    t.equal(schemas.includes('"regionUrl"'), isCloud, SENTRY_HOST)
  }
})

test('the regions of sentry.io are those that mcp-core accepts', async (t) => {
  const source = readFileSync(new URL(import.meta.resolve('@sentry/mcp-core')), 'utf8')
  const [, list = ''] = /const SENTRY_ALLOWED_REGION_DOMAINS = new Set\(\[([^\]]*)\]/.exec(source) ?? []
  const hosts = JSON.parse(`[${list}]`)
  t.same(new Set(hosts), new Set(['sentry.io', ...REGIONS.map((region) => `${region}.sentry.io`)]))
})
