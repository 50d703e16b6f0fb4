import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client'
import type { Metrics, RenewalOutcome } from './metrics.ts'

const FAST = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]
const ORDINARY = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const PATIENT = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

const RENEWAL_OUTCOMES: RenewalOutcome[] = ['renewed', 'refused', 'misconfigured', 'unavailable']

/** What runs, as `sentry_mcp_build_info` names it. */
export interface Build {
  version: string
  mcp_core: string
  node: string
}

export interface PrometheusMetrics {
  metrics: Metrics
  registry: Registry
}

/** The metrics as Prometheus reads them, in a registry of their own. A scrape asks nobody. */
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
    help: 'Always 1; its labels say what runs.',
    labelNames: ['version', 'mcp_core', 'node'],
    registers,
  }).set({ ...build }, 1)

  const requests = createCounter('http_requests_total', 'Requests answered.', ['method', 'route', 'status'])
  const requestSeconds = createHistogram(
    'http_request_duration_seconds',
    'Time to the end of the answer, of a stream as well.',
    ['method', 'route'],
    PATIENT,
  )
  const signInSteps = createCounter('sign_in_steps_total', 'Steps of sign-ins answered.', ['step', 'outcome'])
  const refreshes = createCounter('refreshes_total', 'Refreshes answered.', ['outcome'])
  const auditEvents = createCounter('audit_events_total', 'Lines of the audit log.', ['event', 'reason'])
  const toolCalls = createCounter('tool_calls_total', 'Tool calls.', ['tool', 'outcome'])
  const toolSeconds = createHistogram(
    'tool_call_duration_seconds',
    'Time that tool calls took, however they ended.',
    ['tool'],
    PATIENT,
  )
  const storeSeconds = createHistogram(
    'store_operation_duration_seconds',
    'Time that operations of the store took.',
    ['operation', 'outcome'],
    FAST,
  )
  const upstreamSeconds = createHistogram(
    'upstream_request_duration_seconds',
    'Time that requests to Sentry and AI providers took, to the end of the answer.',
    ['leg', 'status'],
    ORDINARY,
  )
  const renewals = createCounter('upstream_renewals_total', "Renewals of users' tokens at Sentry.", [
    'outcome',
  ])
  for (const outcome of RENEWAL_OUTCOMES) renewals.inc({ outcome }, 0)
  const refusals = createCounter('rate_limit_refusals_total', 'Requests beyond a limit.', ['limit'])
  const uncounted = createCounter(
    'rate_limit_uncounted_total',
    'Requests let through because the store could not count them.',
    ['limit'],
  )

  const metrics: Metrics = {
    noteRequest({ method, route, status, duration }) {
      requests.inc({ method, route, status })
      requestSeconds.observe({ method, route }, duration / 1000)
    },
    noteSignInStep: (step, outcome) => signInSteps.inc({ step, outcome }),
    noteRefresh: (outcome) => refreshes.inc({ outcome }),
    noteAuditEvent(event) {
      auditEvents.inc({ event: event.event, reason: 'reason' in event ? event.reason : '' })
    },
    noteToolCall({ tool, outcome, duration }) {
      toolCalls.inc({ tool, outcome })
      if (duration !== undefined) toolSeconds.observe({ tool }, duration / 1000)
    },
    noteStoreOperation(operation, outcome, duration) {
      storeSeconds.observe({ operation, outcome }, duration / 1000)
    },
    noteUpstreamRequest(leg, status, duration) {
      const group = status === undefined ? 'error' : `${Math.floor(status / 100)}xx`
      upstreamSeconds.observe({ leg, status: group }, duration / 1000)
    },
    noteRenewal: (outcome) => renewals.inc({ outcome }),
    noteRateLimit: (limit, outcome) => (outcome === 'refused' ? refusals : uncounted).inc({ limit }),
  }
  return { metrics, registry }
}
