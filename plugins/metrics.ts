import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { MCP_CORE_VERSION, VERSION } from '../lib/config/version.ts'
import { findRevision } from '../lib/mcp/transport/request.ts'
import { findClientKind } from '../lib/oauth/clients/find.ts'
import { findOutcome } from '../lib/oauth/error-response.ts'
import { findClientFamily } from '../lib/telemetry/client-family.ts'
import { type ClientLabels, type Metrics, NO_METRICS, type SignInStep } from '../lib/telemetry/metrics.ts'
import { listenForScrapes } from '../lib/telemetry/metrics-listener.ts'
import { findTarget, onOutgoingRequest } from '../lib/telemetry/outgoing-requests.ts'
import { createSentryLocation } from '../lib/upstream/location.ts'
import { findUpstreamCall } from '../lib/upstream/tool-call.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Counters and histograms; without METRICS_PORT nothing is recorded. */
    metrics: Metrics
  }
}

const SIGN_IN_STEPS: Readonly<Record<string, SignInStep>> = {
  'GET /oauth/authorize': 'authorize',
  'POST /oauth/consent': 'consent',
  'GET /oauth/callback': 'callback',
}

/** Serves the metrics and records requests to and from the service. Everything else is recorded through the decorator. */
async function metricsPlugin(fastify: FastifyInstance) {
  const { METRICS_PORT: port, HOST: host } = fastify.config
  if (port === undefined) {
    fastify.decorate('metrics', NO_METRICS)
    return
  }
  const { createPrometheusMetrics } = await import('../lib/telemetry/prometheus.ts')
  const build = { version: VERSION, mcp_core: MCP_CORE_VERSION, node: process.version }
  const { metrics, registry } = createPrometheusMetrics(build)
  fastify.decorate('metrics', metrics)
  const listener = await listenForScrapes(registry, { host, port })
  const unsubscribe = recordUpstreamRequests(fastify, metrics)
  fastify.addHook('onClose', async () => {
    unsubscribe()
    listener.close()
  })
  recordRequests(fastify, metrics)
}

function recordRequests(fastify: FastifyInstance, metrics: Metrics): void {
  const { STATIC_CLIENTS } = fastify.config
  const failures = new WeakMap<FastifyRequest, Error>()
  fastify.addHook('onError', async (request, _reply, error) => {
    failures.set(request, error)
  })

  fastify.addHook('onRequest', (request, reply, done) => {
    // `close` is also emitted when the client has disconnected.
    reply.raw.once('close', () => {
      const { method, routeOptions } = request
      const route = routeOptions.url ?? 'unknown'
      const status = reply.raw.writableFinished ? reply.statusCode : CLIENT_CLOSED_REQUEST
      metrics.recordRequest({ method, route, status, durationMs: reply.elapsedTime })
      const failure = failures.get(request)
      const outcome = failure === undefined ? 'ok' : findOutcome(failure)
      const client = describeClient(request)
      if (route === '/oauth/token') recordTokenRequest(request, outcome, client)
      const step = SIGN_IN_STEPS[`${method} ${route}`]
      if (step !== undefined) metrics.recordSignInStep(step, outcome, client)
      if (request.caller !== undefined) metrics.recordMcpRequest(findRevision(request), client)
    })
    done()
  })

  function recordTokenRequest({ body }: FastifyRequest, outcome: string, client: ClientLabels): void {
    const grantType = typeof body === 'object' && body !== null && 'grant_type' in body && body.grant_type
    if (grantType === 'authorization_code') metrics.recordSignInStep('code', outcome, client)
    if (grantType === 'refresh_token') metrics.recordRefresh(outcome)
  }

  function describeClient({ client }: FastifyRequest): ClientLabels {
    return {
      client: client?.name === undefined ? 'unknown' : findClientFamily(client.name),
      registration: client?.id === undefined ? 'unknown' : findClientKind(client.id, STATIC_CLIENTS),
    }
  }
}

/** nginx's status for a client that disconnected before the response. */
const CLIENT_CLOSED_REQUEST = 499

function recordUpstreamRequests({ config }: FastifyInstance, metrics: Metrics): () => void {
  const rules = {
    sentry: createSentryLocation(config),
    isToolCall: () => findUpstreamCall() !== undefined,
  }
  return onOutgoingRequest(({ url }) => {
    const target = findTarget(url, rules)
    if (target === undefined) return undefined
    const startedAt = performance.now()
    return ({ status, error }) => {
      const completed = error === undefined ? status : undefined
      metrics.recordUpstreamRequest(target, completed, performance.now() - startedAt)
    }
  })
}

export default fp(metricsPlugin, { name: 'metrics', fastify: '5.x', dependencies: ['config'] })
