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
import { VERSION } from '../config/version.ts'
import { type OutgoingProxySettings, readProxies } from '../net/outgoing-proxy.ts'
import {
  findTarget,
  type OutgoingRequest,
  type OutgoingRequestListener,
  type OutgoingResult,
  type TargetRules,
} from './outgoing-requests.ts'
import { redactPath, redactSecrets } from './redact.ts'
import type { SpanAttributes, Tracing } from './tracing.ts'

export interface OpenTelemetry extends Tracing {
  /** Begins the span of an incoming request, as a child of its `traceparent`. */
  beginRequest(request: { method: string; headers: IncomingHttpHeaders }): RequestSpan
  /** Traces outgoing requests; only those to Sentry get a `traceparent`. */
  traceOutgoingRequest: OutgoingRequestListener
  /** Delivers pending spans, within `timeoutMs`. It never rejects. */
  close(timeoutMs: number): Promise<void>
}

export interface RequestSpan {
  traceId: string
  /** Runs `work` in the context of the span. */
  run(work: () => void): void
  /** Ends the span. `route` is the path with the names of its parameters. */
  end(response: { route: string; status: number; requestId: string }): void
}

export interface OpenTelemetrySettings extends OutgoingProxySettings {
  OTEL_SERVICE_NAME: string
  OTEL_EXPORTER_OTLP_ENDPOINT: string | undefined
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: string | undefined
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' | 'http/json'
  OTEL_EXPORTER_OTLP_HEADERS: Readonly<Record<string, string>> | undefined
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: Readonly<Record<string, string>> | undefined
}

export interface OpenTelemetryOptions extends TargetRules {
  settings: OpenTelemetrySettings
  /** Called with the reason when spans cannot be delivered, once for each reason. */
  onExportFailure(reason: string): void
}

/**
 * OpenTelemetry traces over OTLP/HTTP. Nothing is global or patched, so that spans of other code in this process are not
 * exported. The SDK reads the specification's other environment variables (OTEL_TRACES_SAMPLER, OTEL_BSP_*, …).
 */
export function startTracing(options: OpenTelemetryOptions): OpenTelemetry {
  const { settings, onExportFailure } = options
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(
        resourceFromAttributes({ 'service.name': settings.OTEL_SERVICE_NAME, 'service.version': VERSION }),
      ),
    spanProcessors: [new BatchSpanProcessor(reportFailures(createExporter(settings), onExportFailure))],
  })
  const tracer = provider.getTracer('sentry-mcp', VERSION)
  const propagator = new W3CTraceContextPropagator()
  const contexts = new AsyncLocalStorage<Context>()

  function begin(name: string, kind: SpanKind, attributes: SpanAttributes, parent = contexts.getStore()) {
    const context = parent ?? ROOT_CONTEXT
    const span = tracer.startSpan(name, { kind, attributes: removeUndefined(attributes) }, context)
    return { span, context: trace.setSpan(context, span) }
  }

  const traceWork: Tracing['trace'] = async ({ name, kind, attributes }, work) => {
    const { span, context } = begin(name, kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL, attributes)
    let failure: SpanAttributes[string]
    const set = (more: SpanAttributes) => {
      failure ??= more['error.type']
      setAttributes(span, more)
    }
    try {
      return await contexts.run(context, () => work(set))
    } catch (error) {
      if (failure === undefined) set({ 'error.type': error instanceof Error ? error.name : 'Error' })
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
        setAttributes(span, {
          'http.route': route,
          'http.response.status_code': status,
          'sentry_mcp.request_id': requestId,
          ...(status >= 500 && { 'error.type': String(status) }),
        })
        span.end()
      },
    }
  }

  function traceOutgoingRequest({ method, url, addHeader }: OutgoingRequest) {
    const target = findTarget(url, options)
    if (target === undefined) return undefined
    const isSentry = target !== 'other'
    const { span, context } = begin(method, SpanKind.CLIENT, {
      'http.request.method': method,
      'server.address': url.hostname,
      'server.port': Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      'url.scheme': url.protocol.slice(0, -1),
      // Paths of other services may contain anything.
      ...(isSentry && { 'url.path': redactPath(url.pathname) }),
    })
    if (isSentry) propagator.inject(context, undefined, { set: (_, name, value) => addHeader(name, value) })
    return ({ status, error }: OutgoingResult) => {
      const failure = error?.name ?? (status !== undefined && status >= 400 ? String(status) : undefined)
      setAttributes(span, { 'http.response.status_code': status, 'error.type': failure })
      span.end()
    }
  }

  return {
    trace: traceWork,
    beginRequest,
    traceOutgoingRequest,
    async close(timeoutMs) {
      const timer = new AbortController()
      const timeout = sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined)
      // `onExportFailure` has reported why the last delivery failed.
      await Promise.race([provider.shutdown().catch(() => undefined), timeout])
      timer.abort()
    },
  }
}

/** The specification adds a path to the endpoint of all signals, but not to that of traces. */
function createExporter(settings: OpenTelemetrySettings): SpanExporter {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own } = settings
  const Exporter = settings.OTEL_EXPORTER_OTLP_PROTOCOL === 'http/json' ? JsonExporter : ProtobufExporter
  return new Exporter({
    url: own ?? `${base}/v1/traces`,
    headers: { ...settings.OTEL_EXPORTER_OTLP_HEADERS, ...settings.OTEL_EXPORTER_OTLP_TRACES_HEADERS },
    httpAgentOptions: { keepAlive: true, proxyEnv: readProxies(settings) },
  })
}

/** The same exporter, which reports why it fails, once for each reason until it works again. */
function reportFailures(exporter: SpanExporter, onFailure: (reason: string) => void): SpanExporter {
  let last: string | undefined
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const reason = result.error === undefined ? undefined : redactSecrets(formatExportError(result.error))
        if (reason !== undefined && reason !== last) onFailure(reason)
        last = reason
        done(result)
      })
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  }
}

/** Node's message is empty when it has tried several addresses. */
function formatExportError(error: Error & { code?: unknown }): string {
  return error.message || String(error.code ?? error.name)
}

function setAttributes(span: Span, attributes: SpanAttributes): void {
  span.setAttributes(removeUndefined(attributes))
  if (attributes['error.type'] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
}

function removeUndefined(attributes: SpanAttributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
}
