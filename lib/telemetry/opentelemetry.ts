import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Attributes,
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import type { Config } from '../config/load.ts'
import { VERSION } from '../config/version.ts'
import { readProxies } from '../net/outgoing-proxy.ts'
import { findUpstreamCall } from '../upstream/tool-call.ts'
import { findLeg, type OutgoingEnd, type OutgoingRequest, type OutgoingWatch } from './outgoing-requests.ts'
import { redactInput } from './redact.ts'
import type { SpanFacts, Tracing } from './tracing.ts'
import { watchExport } from './watch-export.ts'

export interface OpenTelemetry extends Tracing {
  /** Begins the span of a request that came in, as a part of the trace that its `traceparent` names. */
  beginRequest(request: { method: string; headers: IncomingHttpHeaders }): RequestSpan
  /** Makes a span of each request that leaves; only Sentry is told which trace it belongs to. */
  watchOutgoing: OutgoingWatch
  /** Delivers what is left, within `limit` ms. It never rejects. */
  close(limit: number): Promise<void>
}

export interface RequestSpan {
  traceId: string
  /** Runs `work`, and whatever it begins, within the span. */
  run(work: () => void): void
  /** Ends the span. `route` is the path with its parameters unnamed. */
  end(answer: { route: string; status: number; requestId: string }): void
}

export interface OpenTelemetryOptions {
  config: Config
  /** Is told why spans do not arrive, once for each cause. */
  onExportFailure(reason: string): void
}

/**
 * Traces by OpenTelemetry over OTLP/HTTP. Nothing is made global and nothing is patched: what other code in this
 * process would trace, with whatever it knows, is not in them. The variables of the specification that are no
 * settings of ours (OTEL_TRACES_SAMPLER, OTEL_BSP_*, …) are read by the SDK itself.
 */
export function openTelemetry({ config, onExportFailure }: OpenTelemetryOptions): OpenTelemetry {
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(
        resourceFromAttributes({ 'service.name': config.OTEL_SERVICE_NAME, 'service.version': VERSION }),
      ),
    spanProcessors: [new BatchSpanProcessor(watchExport(createExporter(config), onExportFailure))],
  })
  const tracer = provider.getTracer('sentry-mcp', VERSION)
  const propagator = new W3CTraceContextPropagator()
  const contexts = new AsyncLocalStorage<Context>()
  const sentryOrigin = new URL(`${config.SENTRY_PROTOCOL}://${config.SENTRY_HOST}`).origin

  function begin(name: string, kind: SpanKind, facts: SpanFacts, parent = contexts.getStore()) {
    const context = parent ?? ROOT_CONTEXT
    const span = tracer.startSpan(name, { kind, attributes: toAttributes(facts) }, context)
    return { span, context: trace.setSpan(context, span) }
  }

  const traceWork: Tracing['trace'] = async ({ name, kind, facts }, work) => {
    const { span, context } = begin(name, kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL, facts)
    let failure: SpanFacts[string]
    const note = (more: SpanFacts) => {
      failure ??= more['error.type']
      noteFacts(span, more)
    }
    try {
      return await contexts.run(context, () => work(note))
    } catch (error) {
      if (failure === undefined) note({ 'error.type': error instanceof Error ? error.name : 'Error' })
      throw error
    } finally {
      span.end()
    }
  }

  function beginRequest({ method, headers }: Parameters<OpenTelemetry['beginRequest']>[0]): RequestSpan {
    const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
    const { span, context } = begin(method, SpanKind.SERVER, { 'http.request.method': method }, parent)
    return {
      traceId: span.spanContext().traceId,
      run: (work) => contexts.run(context, work),
      end({ route, status, requestId }) {
        span.updateName(`${method} ${route}`)
        noteFacts(span, {
          'http.route': route,
          'http.response.status_code': status,
          'sentry_mcp.request_id': requestId,
          ...(status >= 500 && { 'error.type': String(status) }),
        })
        span.end()
      },
    }
  }

  function watchOutgoing({ method, url, addHeader }: OutgoingRequest) {
    const leg = findLeg(url, sentryOrigin, findUpstreamCall() !== undefined)
    if (leg === undefined) return undefined
    const isSentry = leg !== 'other'
    const { span, context } = begin(method, SpanKind.CLIENT, {
      'http.request.method': method,
      'server.address': url.hostname,
      'server.port': Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      'url.scheme': url.protocol.slice(0, -1),
      // Of others it is not known what their paths give away.
      ...(isSentry && { 'url.path': redactInput(url.pathname) }),
    })
    if (isSentry) propagator.inject(context, undefined, { set: (_, name, value) => addHeader(name, value) })
    return ({ status, error }: OutgoingEnd) => {
      const failure = error?.name ?? (status !== undefined && status >= 400 ? String(status) : undefined)
      noteFacts(span, { 'http.response.status_code': status, 'error.type': failure })
      span.end()
    }
  }

  return {
    trace: traceWork,
    beginRequest,
    watchOutgoing,
    async close(limit) {
      const patience = new AbortController()
      const late = sleep(limit, undefined, { signal: patience.signal }).catch(() => undefined)
      // Why the last delivery failed has been told.
      await Promise.race([provider.shutdown().catch(() => undefined), late])
      patience.abort()
    },
  }
}

/** The path that the specification adds to the endpoint of all signals, but not to that of traces. */
function createExporter(config: Config): SpanExporter {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own } = config
  const Exporter = config.OTEL_EXPORTER_OTLP_PROTOCOL === 'http/json' ? JsonExporter : ProtobufExporter
  return new Exporter({
    url: own ?? `${base}/v1/traces`,
    headers: { ...config.OTEL_EXPORTER_OTLP_HEADERS, ...config.OTEL_EXPORTER_OTLP_TRACES_HEADERS },
    httpAgentOptions: { keepAlive: true, proxyEnv: readProxies(config) },
  })
}

function noteFacts(span: Span, facts: SpanFacts): void {
  span.setAttributes(toAttributes(facts))
  if (facts['error.type'] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
}

function toAttributes(facts: SpanFacts): Attributes {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}
