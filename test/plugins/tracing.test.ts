import { type Test, test } from 'tap'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { type OtlpCollector, startCollector } from '../support/otlp-collector.ts'
import { type Service, startService, useEmbeddedStore } from '../support/service.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`

test('a tool call is one trace, from the request to the store and Sentry', async (t) => {
  const { url, app, log, sentry, collector } = await startTraced(t)
  const { access_token } = await (await registerClient(url)).signIn()
  log.length = 0
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } }
  await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      traceparent: TRACEPARENT,
      baggage: 'secret=1',
    },
    body: JSON.stringify(body),
  })
  const asked = sentry.requests.at(-1)
  await app.close()
  const spans = collector.readSpans().filter(({ traceId }) => traceId === TRACE)
  const find = (name: string) => spans.find((span) => span.name === name)

  const request = find('POST /mcp')
  t.match(request, { kind: 2, parentSpanId: PARENT, status: {} })
  t.match(request?.attributes, { 'http.route': '/mcp', 'http.response.status_code': 200 })
  t.match(find('store readGrant'), { kind: 3, parentSpanId: request?.spanId })
  t.match(find('store readGrant')?.attributes, {
    'db.system.name': 'sqlite',
    'db.operation.name': 'readGrant',
  })
  const call = find('tools/call whoami')
  t.match(call, { kind: 1, parentSpanId: request?.spanId })
  const outgoing = find('GET')
  t.match(outgoing, { kind: 3, parentSpanId: call?.spanId })
  t.match(outgoing?.attributes, { 'url.path': '/api/0/auth/', 'http.response.status_code': 200 })

  t.equal(asked?.headers.traceparent, `00-${TRACE}-${outgoing?.spanId}-01`, 'Sentry gets the trace')
  t.notOk(asked?.headers.baggage, 'Sentry gets no baggage')
  t.match(collector.readResource(), { 'service.name': 'sentry-mcp', 'service.version': /^\d/ })
  t.equal(request?.attributes['sentry_mcp.request_id'], JSON.parse(log[0] ?? '').reqId)
  t.ok(
    log.every((line) => line.includes(`"trace_id":"${TRACE}"`)),
    'the log lines have the trace id',
  )
})

test('spans have the error type, and neither queries nor identifiers', async (t) => {
  const { url, app, sentry, collector } = await startTraced(t)
  const client = await registerClient(url)
  const { access_token } = await client.signIn()
  sentry.fail('/api/0/auth/', { kind: 'status', status: 503 })
  await postMcp(`${url}/mcp`, access_token, 'tools/call', { name: 'whoami', arguments: {} })
  await fetch(`${url}/health`)
  await app.close()
  const spans = collector.readSpans()
  const failed = spans
    .filter(({ status }) => status.code === 2)
    .map(({ name, attributes }) => [name, attributes['error.type']])
  t.same(failed, [
    ['GET', '503'],
    ['tools/call whoami', 'sentry_5xx'],
  ])
  t.ok(
    spans.some(({ name }) => name === 'GET /oauth/callback'),
    'the sign-in is traced',
  )
  t.notOk(spans.some(({ name }) => name.includes('/health')))
  const sent = Buffer.concat(collector.deliveries.map((delivery) => delivery.body)).toString()
  t.notMatch(sent, /[?&](code|state)=|client_id|eyJ|rt1\.|127\.0\.0\.1:41998/)
  t.notOk(sent.includes(client.id))
})

test('the variables of the specification set headers, protocol and service name', async (t) => {
  const settings = {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc,x-scope=all',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-scope=traces',
    OTEL_SERVICE_NAME: 'another name',
  }
  const { url, app, collector } = await startTraced(t, settings)
  await fetch(`${url}/`)
  await app.close()
  const [delivery] = collector.deliveries
  t.equal(delivery?.path, '/v1/traces')
  t.match(delivery?.headers, {
    'content-type': 'application/x-protobuf',
    authorization: 'Bearer abc',
    'x-scope': 'traces',
  })
  t.match(delivery?.body.toString('latin1'), /another name.*GET \//s)
})

test('a collector that refuses spans is logged once', async (t) => {
  const { url, app, log } = await startTraced(t, {}, 400)
  t.equal((await fetch(`${url}/`)).status, 200)
  await app.close()
  const warnings = log.filter((line) => line.includes('cannot deliver traces'))
  t.equal(warnings.length, 1)
  t.equal(JSON.parse(warnings[0] ?? '{}').reason, 'Bad Request')
})

test('an unavailable collector does not delay the shutdown', async (t) => {
  const { url, app } = await startTraced(t, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })
  t.equal((await fetch(`${url}/`)).status, 200)
  const startedAt = Date.now()
  await app.close()
  t.ok(Date.now() - startedAt < 9_000, 'an exporter alone would try for ten seconds')
})

test('OTEL_SDK_DISABLED turns traces off', async (t) => {
  const { url, app, collector } = await startTraced(t, { OTEL_SDK_DISABLED: 'true' })
  await fetch(`${url}/`)
  await app.close()
  t.same(collector.deliveries, [])
})

async function startTraced(
  t: Test,
  settings: Record<string, string> = {},
  status = 200,
): Promise<Service & { collector: OtlpCollector }> {
  const collector = await startCollector(t, status)
  const service = await startService(t, {
    settings: {
      ...useEmbeddedStore(t),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      ...settings,
    },
  })
  return { ...service, collector }
}
