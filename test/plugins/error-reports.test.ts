import { type Test, test } from 'tap'
import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import type { SentryTool } from '../../lib/mcp/core/types.ts'
import { registerClient } from '../support/client.ts'
import { type DsnReceiver, startDsnReceiver } from '../support/dsn-receiver.ts'
import { postMcp } from '../support/mcp.ts'
import { createTool } from '../support/mcp-service.ts'
import { startRedis } from '../support/redis.ts'
import { type Service, type ServiceOptions, startService, useEmbeddedStore } from '../support/service.ts'

const SECRET = `sntryu_${'a1'.repeat(32)}`

test('an unexpected error is reported with stack and causes, without secrets', async (t) => {
  const broken = createBroken(
    () => Promise.resolve('fine'),
    () => {
      throw new TypeError(`broken for Bearer ${SECRET}`, { cause: new Error(`code ${'x'.repeat(43)}`) })
    },
  )
  const { url, app, receiver } = await startReporting(t, { tools: { broken } }, { TOOL_SURFACE: 'full' })
  const { access_token } = await (await registerClient(url)).signIn()
  t.equal((await postMcp(`${url}/mcp`, access_token, 'tools/list')).status, 500)
  await app.close()
  const [event, ...others] = receiver.readEvents()
  t.same(others, [])
  t.match(event, {
    level: 'error',
    environment: 'test',
    release: /^sentry-mcp-self-hosted@\d/,
    tags: { log_message: 'MCP request failed', request_id: /^\w+-\w+$/ },
  })
  const values = event?.exception?.values ?? []
  t.same(
    values.map(({ type, value }) => [type, value]),
    [
      ['Error', 'code [redacted]'],
      ['TypeError', 'broken for Bearer [redacted]'],
    ],
  )
  const frames = values[1]?.stacktrace.frames ?? []
  t.ok(frames.some(({ filename }) => filename.endsWith('lib/mcp/tools/catalogue.ts')))
  t.notMatch(
    receiver.envelopes.join(),
    /sntryu_|eyJ|server_name|"user"|"request"|"contexts"|"breadcrumbs"|localhost/,
  )
})

test('a tool that throws and a fatal log line are reported', async (t) => {
  const broken = createBroken(() => Promise.reject(new RangeError('far too much')))
  const { url, app, receiver } = await startReporting(t, { tools: { broken } }, { TOOL_SURFACE: 'full' })
  const { access_token } = await (await registerClient(url)).signIn()
  await postMcp(`${url}/mcp`, access_token, 'tools/call', { name: 'broken', arguments: {} })
  app.log.fatal({ err: new Error('nothing caught it') }, 'ends')
  app.log.fatal('ends without an error')
  await app.close()
  t.match(receiver.readEvents(), [
    { exception: { values: [{ type: 'RangeError', value: 'far too much' }] }, tags: { tool: 'broken' } },
    { level: 'fatal', exception: { values: [{ value: 'nothing caught it' }] } },
    { level: 'fatal', message: 'ends without an error' },
  ])
})

test('outages and client errors are not reported', async (t) => {
  const redis = await startRedis(t)
  const { url, app, receiver, sentry, log } = await startReporting(
    t,
    {},
    { STORE: 'redis', REDIS_URL: redis.url },
  )
  const client = await registerClient(url)
  const { access_token, refresh_token } = await client.signIn()
  sentry.fail('/api/0/', { kind: 'status', status: 500 })
  const whoami = () => postMcp(`${url}/mcp`, access_token, 'tools/call', { name: 'whoami', arguments: {} })
  await whoami()
  await fetch(`${url}/oauth/token`, { method: 'POST', body: 'nonsense' })
  await redis.kill()
  t.equal((await whoami()).status, 503)
  t.equal((await client.refresh(refresh_token)).status, 503)
  await app.close()
  t.ok(
    log.some((line) => line.includes('"level":50')),
    'they are in the log',
  )
  t.same(receiver.envelopes, [])
})

test('the Sentry SDK is not global, and mcp-core gets no Sentry settings', async (t) => {
  const { app } = await startReporting(t)
  const { getClient } = await import('@sentry/core')
  t.equal(getClient(), undefined, 'mcp-core has no client to report to')
  const { environment } = await loadMcpCore()
  t.notOk(Object.keys(environment).some((name) => name.startsWith('SENTRY_')))
  await app.close()
})

function createBroken(
  handler: SentryTool['handler'],
  description: SentryTool['description'] = 'Breaks',
): SentryTool {
  return { ...createTool('broken', handler), description }
}

async function startReporting(
  t: Test,
  options: ServiceOptions = {},
  settings: Record<string, string> = useEmbeddedStore(t),
): Promise<Service & { receiver: DsnReceiver }> {
  const receiver = await startDsnReceiver(t)
  const store = settings.STORE === undefined ? useEmbeddedStore(t) : {}
  const service = await startService(t, {
    ...options,
    settings: { ...store, ...settings, SENTRY_DSN: receiver.dsn, SENTRY_ENVIRONMENT: 'test' },
  })
  return { ...service, receiver }
}
