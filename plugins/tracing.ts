import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { OpenTelemetry, RequestSpan } from '../lib/telemetry/opentelemetry.ts'
import { onOutgoingRequest } from '../lib/telemetry/outgoing-requests.ts'
import { NO_TRACING, type Tracing } from '../lib/telemetry/tracing.ts'
import { createSentryLocation } from '../lib/upstream/location.ts'
import { findUpstreamCall } from '../lib/upstream/tool-call.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** OpenTelemetry spans; without an OTLP endpoint there are none. */
    tracing: Tracing
  }
}

/** How long a shutdown waits for the delivery of pending spans. */
const DELIVERY_TIMEOUT_MS = 2_000

async function tracingPlugin(fastify: FastifyInstance) {
  const { config, log } = fastify
  const endpoint = config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint === undefined || config.OTEL_SDK_DISABLED) {
    fastify.decorate('tracing', NO_TRACING)
    return
  }
  const { startTracing } = await import('../lib/telemetry/opentelemetry.ts')
  const onExportFailure = (reason: string) => log.warn({ endpoint, reason }, 'cannot deliver traces')
  const telemetry = startTracing({
    settings: config,
    sentry: createSentryLocation(config),
    isToolCall: () => findUpstreamCall() !== undefined,
    onExportFailure,
  })
  fastify.decorate('tracing', telemetry)
  const unsubscribe = onOutgoingRequest(telemetry.traceOutgoingRequest)
  fastify.addHook('onClose', async () => {
    unsubscribe()
    await telemetry.close(DELIVERY_TIMEOUT_MS)
  })
  traceRequests(fastify, telemetry)
}

/** Makes a span of every request except probes, and adds the trace id to the request's log lines. */
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

  // The async context is lost while Fastify reads the body.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request)
    if (span === undefined) done()
    else span.run(done)
  })
}

export default fp(tracingPlugin, { name: 'tracing', fastify: '5.x', dependencies: ['config'] })
