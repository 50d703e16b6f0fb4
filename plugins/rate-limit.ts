import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { TooManyRequestsError } from '../lib/oauth/errors.ts'
import { createKeyPrefix } from '../lib/store/keys.ts'

/** How long counting may take before the request is let through. */
const COUNT_TIMEOUT_MS = 250

const WINDOW_MS = 60_000

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * A hook that refuses requests beyond `max` a minute with `TooManyRequestsError`; 0 turns the limit off. Requests are
     * counted by `name` and the result of `identify`, over all instances. A request that cannot be counted is let
     * through: a limit must not take the service down.
     */
    limitRequests(limit: RequestLimit): (request: FastifyRequest) => Promise<void>
  }
}

export interface RequestLimit {
  name: string
  max: number
  identify(request: FastifyRequest): string
}

type Counted = Awaited<ReturnType<ReturnType<FastifyInstance['createRateLimit']>>>

/** Counts requests in Redis, or in this process with STORE=embedded, under MACs in place of identifiers. */
async function rateLimitPlugin(fastify: FastifyInstance) {
  const { config, signer, metrics } = fastify
  const shared = config.STORE === 'redis' && {
    redis: fastify.redis,
    nameSpace: `${createKeyPrefix(config.BASE_URL)}:rate:`,
  }
  await fastify.register(rateLimit, { global: false, skipOnError: true, ...shared })

  fastify.decorate('limitRequests', ({ name, max, identify }: RequestLimit) => {
    if (max === 0) return async () => undefined
    const count = fastify.createRateLimit({
      max,
      timeWindow: WINDOW_MS,
      keyGenerator: (request) => signer.createMac('rate-limit', `${name} ${identify(request)}`),
    })
    return async (request: FastifyRequest) => {
      const counted = await limitTime(count(request))
      if (counted === undefined || isUncounted(counted)) metrics.recordRateLimit(name, 'error')
      if (counted === undefined || counted.isAllowed || !counted.isExceeded) return
      metrics.recordRateLimit(name, 'exceeded')
      // At debug level, so that a flood of requests does not flood the log.
      request.log.debug({ limit: name }, 'too many requests')
      throw new TooManyRequestsError(counted.ttlInSeconds)
    }
  })
}

/** Undefined if counting takes too long. */
async function limitTime(counting: Promise<Counted>): Promise<Counted | undefined> {
  const { promise: timeout, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, COUNT_TIMEOUT_MS, undefined)
  try {
    return await Promise.race([counting, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** When the store fails, @fastify/rate-limit reports a request that was not counted. */
function isUncounted(counted: Counted): boolean {
  return !counted.isAllowed && counted.remaining === counted.max
}

export default fp(rateLimitPlugin, {
  name: 'rate-limit',
  fastify: '5.x',
  dependencies: ['config', 'redis', 'crypto', 'metrics'],
})
