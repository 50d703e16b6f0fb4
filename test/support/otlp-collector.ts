import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Lifetime } from './lifetime.ts'

/** A span in OTLP/JSON, with its attributes as an object. */
export interface ReceivedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  status: { code?: number }
  attributes: Record<string, unknown>
}

/** A collector of traces on loopback. */
export interface OtlpCollector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  url: string
  /** The requests, oldest first. */
  deliveries: { path: string; headers: IncomingHttpHeaders; body: Buffer }[]
  /** The spans of the deliveries in JSON. */
  readSpans(): ReceivedSpan[]
  /** The attributes of their resource. */
  readResource(): Record<string, unknown>
}

interface Attribute {
  key: string
  value: { stringValue?: string; intValue?: number }
}

interface OtlpJson {
  resourceSpans: {
    resource: { attributes: Attribute[] }
    scopeSpans: { spans: (Omit<ReceivedSpan, 'attributes'> & { attributes: Attribute[] })[] }[]
  }[]
}

export async function startCollector(t: Lifetime, status = 200): Promise<OtlpCollector> {
  const deliveries: OtlpCollector['deliveries'] = []
  const server = createServer(async (request, response) => {
    deliveries.push({ path: request.url ?? '', headers: request.headers, body: await buffer(request) })
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const parse = (): OtlpJson[] => deliveries.map(({ body }) => JSON.parse(body.toString()))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    deliveries,
    readSpans: () =>
      parse()
        .flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans))
        .flatMap(({ spans }) => spans)
        .map(({ attributes, ...span }) => ({ ...span, attributes: readAttributes(attributes) })),
    readResource: () =>
      readAttributes(parse().flatMap(({ resourceSpans }) => resourceSpans[0]?.resource.attributes ?? [])),
  }
}

function readAttributes(attributes: Attribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
  )
}
