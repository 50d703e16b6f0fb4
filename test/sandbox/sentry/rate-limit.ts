import type { FastifyInstance, FastifyReply } from 'fastify'
import { readBearerToken } from './request-log.ts'

export interface RateLimit {
  /** How many requests to the API a token may send in a window. */
  limit: number
  /** The window in seconds. */
  window: number
}

/** Counts requests to the API by token, as a Sentry whose operator turned limits on. */
export function registerRateLimit(app: FastifyInstance, { limit, window }: RateLimit): void {
  const counts = new Map<string, { until: number; count: number }>()

  app.addHook('onRequest', async (request, reply) => {
    const token = readBearerToken(request.headers.authorization)
    if (token === undefined || !request.url.startsWith('/api/0/')) return
    const now = Date.now() / 1000
    const entry = counts.get(token)
    const current = entry === undefined || entry.until <= now ? { until: now + window, count: 0 } : entry
    current.count += 1
    counts.set(token, current)
    writeLimit(reply, limit, Math.max(0, limit - current.count), current.until)
    if (current.count > limit) return refuse(reply, limit, window)
  })
}

/** The 429 of a limiter whose window ends in so many seconds. */
export function refuseOverLimit(reply: FastifyReply, seconds: number): FastifyReply {
  const limit = 40
  writeLimit(reply, limit, 0, Date.now() / 1000 + seconds)
  return refuse(reply, limit, seconds)
}

/** Sentry tells a limit on every response, and has no Retry-After. */
function writeLimit(reply: FastifyReply, limit: number, remaining: number, until: number): void {
  reply.headers({
    'x-sentry-rate-limit-limit': limit,
    'x-sentry-rate-limit-remaining': remaining,
    // Seconds since the epoch.
    'x-sentry-rate-limit-reset': Math.ceil(until),
    'x-sentry-rate-limit-concurrentlimit': 25,
    'x-sentry-rate-limit-concurrentremaining': 24,
  })
}

function refuse(reply: FastifyReply, limit: number, window: number): FastifyReply {
  const detail = `You are attempting to use this endpoint too frequently. Limit is ${limit} requests in ${window} seconds`
  return reply.code(429).send({ detail })
}
