import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { MCP_CORE_VERSION, VERSION } from '../lib/config/version.ts'
import { findOutcome } from '../lib/oauth/error-response.ts'
import { type Metrics, NO_METRICS, type SignInStep } from '../lib/telemetry/metrics.ts'
import { listenForScrapes } from '../lib/telemetry/metrics-listener.ts'
import { findLeg, watchOutgoing } from '../lib/telemetry/outgoing-requests.ts'
import { findUpstreamCall } from '../lib/upstream/tool-call.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What is counted and timed; without METRICS_PORT nothing is. */
    metrics: Metrics
  }
}

const SIGN_IN_STEPS: Readonly<Record<string, SignInStep>> = {
  'GET /oauth/authorize': 'authorize',
  'POST /oauth/consent': 'consent',
  'GET /oauth/callback': 'callback',
}

/** Counts what passes through the server itself; whoever else has something to count uses the decorator. */
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
  const stopWatching = watchUpstream(fastify, metrics)
  fastify.addHook('onClose', async () => {
    stopWatching()
    listener.close()
  })
  countRequests(fastify, metrics)
}

function countRequests(fastify: FastifyInstance, metrics: Metrics): void {
  const failures = new WeakMap<FastifyRequest, Error>()
  fastify.addHook('onError', async (request, _reply, error) => {
    failures.set(request, error)
  })

  fastify.addHook('onRequest', (request, reply, done) => {
    // An answer that nobody waits for any more has an end as well.
    reply.raw.once('close', () => {
      const { method, routeOptions } = request
      const route = routeOptions.url ?? 'unknown'
      const status = reply.raw.writableFinished ? reply.statusCode : CLIENT_GONE
      metrics.noteRequest({ method, route, status, duration: reply.elapsedTime })
      const failure = failures.get(request)
      const outcome = failure === undefined ? 'ok' : findOutcome(failure)
      if (route === '/oauth/token') noteTokenRequest(request, outcome, metrics)
      const step = SIGN_IN_STEPS[`${method} ${route}`]
      if (step !== undefined) metrics.noteSignInStep(step, outcome)
    })
    done()
  })
}

/** The status by which nginx calls a request whose client did not wait for the answer. */
const CLIENT_GONE = 499

function noteTokenRequest({ body }: FastifyRequest, outcome: string, metrics: Metrics): void {
  const grantType = typeof body === 'object' && body !== null && 'grant_type' in body && body.grant_type
  if (grantType === 'authorization_code') metrics.noteSignInStep('code', outcome)
  if (grantType === 'refresh_token') metrics.noteRefresh(outcome)
}

function watchUpstream({ config }: FastifyInstance, metrics: Metrics): () => void {
  const sentryOrigin = new URL(`${config.SENTRY_PROTOCOL}://${config.SENTRY_HOST}`).origin
  return watchOutgoing(({ url }) => {
    const leg = findLeg(url, sentryOrigin, findUpstreamCall() !== undefined)
    if (leg === undefined) return undefined
    const startedAt = performance.now()
    return ({ status, error }) => {
      const answered = error === undefined ? status : undefined
      metrics.noteUpstreamRequest(leg, answered, performance.now() - startedAt)
    }
  })
}

export default fp(metricsPlugin, { name: 'metrics', fastify: '5.x', dependencies: ['config'] })
