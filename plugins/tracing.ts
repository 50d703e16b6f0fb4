import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { OpenTelemetry, RequestSpan } from '../lib/telemetry/opentelemetry.ts'
import { watchOutgoing } from '../lib/telemetry/outgoing-requests.ts'
import { NO_TRACING, type Tracing } from '../lib/telemetry/tracing.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Spans by OpenTelemetry; without an endpoint for them there are none. */
    tracing: Tracing
  }
}

/** How long the end of the process waits for the last spans to be delivered, in ms. */
const DELIVERY_PATIENCE = 2_000

async function tracingPlugin(fastify: FastifyInstance) {
  const { config, log } = fastify
  const endpoint = config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint === undefined || config.OTEL_SDK_DISABLED) {
    fastify.decorate('tracing', NO_TRACING)
    return
  }
  const { openTelemetry } = await import('../lib/telemetry/opentelemetry.ts')
  const onExportFailure = (reason: string) => log.warn({ endpoint, reason }, 'traces could not be delivered')
  const telemetry = openTelemetry({ config, onExportFailure })
  fastify.decorate('tracing', telemetry)
  const stopWatching = watchOutgoing(telemetry.watchOutgoing)
  fastify.addHook('onClose', async () => {
    stopWatching()
    await telemetry.close(DELIVERY_PATIENCE)
  })
  traceRequests(fastify, telemetry)
}

/** Every request but the probes is a span. Its trace is named in the lines of its log. */
function traceRequests(fastify: FastifyInstance, telemetry: OpenTelemetry): void {
  const spans = new WeakMap<FastifyRequest, RequestSpan>()

  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.url.startsWith('/health')) return done()
    const span = telemetry.beginRequest(request)
    spans.set(request, span)
    request.log = request.log.child({ trace_id: span.traceId })
    reply.log = request.log
    reply.raw.once('close', () => {
      const route = request.routeOptions.url ?? 'unknown'
      span.end({ route, status: reply.statusCode, requestId: request.id })
    })
    span.run(done)
  })

  // Reading the body leaves the asynchronous context.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request)
    if (span === undefined) done()
    else span.run(done)
  })
}

export default fp(tracingPlugin, { name: 'tracing', fastify: '5.x', dependencies: ['config'] })
