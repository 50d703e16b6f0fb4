import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client'
import type { Metrics, RenewalOutcome } from './metrics.ts'

/** Buckets of the histograms, in seconds. */
const STORE_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]
const UPSTREAM_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const REQUEST_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

const RENEWAL_OUTCOMES: RenewalOutcome[] = ['renewed', 'refused', 'misconfigured', 'unavailable']

/** The labels of `sentry_mcp_build_info`. */
export interface Build {
  version: string
  mcp_core: string
  node: string
}

export interface PrometheusMetrics {
  metrics: Metrics
  registry: Registry
}

/** Prometheus metrics in a registry of their own. A scrape causes no request to the store or Sentry. */
export function createPrometheusMetrics(build: Build): PrometheusMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  function createCounter<Label extends string>(name: string, help: string, labelNames: Label[]) {
    return new Counter<Label>({ name: `sentry_mcp_${name}`, help, labelNames, registers })
  }

  function createHistogram<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[],
  ) {
    return new Histogram<Label>({ name: `sentry_mcp_${name}`, help, labelNames, buckets, registers })
  }

  new Gauge({
    name: 'sentry_mcp_build_info',
    help: 'Versions of the running build, as labels; always 1.',
    labelNames: ['version', 'mcp_core', 'node'],
    registers,
  }).set({ ...build }, 1)

  const requests = createCounter('http_requests_total', 'HTTP requests.', ['method', 'route', 'status'])
  const requestSeconds = createHistogram(
    'http_request_duration_seconds',
    'Duration of HTTP requests to the end of the response or stream.',
    ['method', 'route'],
    REQUEST_BUCKETS,
  )
  const signInSteps = createCounter('sign_in_steps_total', 'Steps of sign-ins.', [
    'step',
    'outcome',
    'client',
    'registration',
  ])
  const refreshes = createCounter('token_refreshes_total', 'Refresh token requests.', ['outcome'])
  const mcpRequests = createCounter('mcp_requests_total', 'Requests of authenticated MCP clients.', [
    'client',
    'registration',
    'revision',
  ])
  const auditEvents = createCounter('audit_events_total', 'Entries of the audit log.', ['event', 'reason'])
  const toolCalls = createCounter('tool_calls_total', 'Tool calls.', ['tool', 'outcome'])
  const toolSeconds = createHistogram(
    'tool_call_duration_seconds',
    'Duration of tool calls, failed ones included.',
    ['tool'],
    REQUEST_BUCKETS,
  )
  const storeSeconds = createHistogram(
    'store_operation_duration_seconds',
    'Duration of store operations.',
    ['operation', 'outcome'],
    STORE_BUCKETS,
  )
  const upstreamSeconds = createHistogram(
    'upstream_request_duration_seconds',
    'Duration of requests to Sentry and AI providers, to the end of the response.',
    ['target', 'status'],
    UPSTREAM_BUCKETS,
  )
  const renewals = createCounter('upstream_token_renewals_total', "Renewals of users' Sentry tokens.", [
    'outcome',
  ])
  for (const outcome of RENEWAL_OUTCOMES) renewals.inc({ outcome }, 0)
  const exceeded = createCounter('rate_limit_exceeded_total', 'Requests refused by a rate limit.', ['limit'])
  const errors = createCounter(
    'rate_limit_errors_total',
    'Requests let through because they could not be counted.',
    ['limit'],
  )

  const metrics: Metrics = {
    recordRequest({ method, route, status, durationMs }) {
      requests.inc({ method, route, status })
      requestSeconds.observe({ method, route }, durationMs / 1000)
    },
    recordSignInStep: (step, outcome, client) => signInSteps.inc({ step, outcome, ...client }),
    recordRefresh: (outcome) => refreshes.inc({ outcome }),
    recordMcpRequest: (revision, client) => mcpRequests.inc({ ...client, revision }),
    recordAuditEvent(event) {
      auditEvents.inc({ event: event.event, reason: 'reason' in event ? event.reason : '' })
    },
    recordToolCall({ tool, outcome, durationMs }) {
      toolCalls.inc({ tool, outcome })
      if (durationMs !== undefined) toolSeconds.observe({ tool }, durationMs / 1000)
    },
    recordStoreOperation(operation, outcome, durationMs) {
      storeSeconds.observe({ operation, outcome }, durationMs / 1000)
    },
    recordUpstreamRequest(target, status, durationMs) {
      const group = status === undefined ? 'error' : `${Math.floor(status / 100)}xx`
      upstreamSeconds.observe({ target, status: group }, durationMs / 1000)
    },
    recordRenewal: (outcome) => renewals.inc({ outcome }),
    recordRateLimit: (limit, outcome) => (outcome === 'exceeded' ? exceeded : errors).inc({ limit }),
  }
  return { metrics, registry }
}
