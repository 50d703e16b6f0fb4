import { setTimeout as sleep } from 'node:timers/promises'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { TooManyRequestsError } from '../lib/oauth/errors.ts'
import { createKeyPrefix } from '../lib/store/keys.ts'

/** How long counting may take, in ms, before a request goes on uncounted. */
const PATIENCE = 250

const MINUTE = 60_000

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * A hook that refuses requests beyond `max` a minute with `TooManyRequestsError`; with 0 it lets all through.
     * Requests are counted by `name` and by whom `identify` says they are from, over all instances. Where they
     * cannot be counted they are let through: a limit must not be what takes the service down.
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

/** Counts requests, in Redis where there is one and else in this process, under names that say nothing. */
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
      timeWindow: MINUTE,
      keyGenerator: (request) => signer.createMac('rate-limit', `${name} ${identify(request)}`),
    })
    return async (request: FastifyRequest) => {
      const counted = await Promise.race([count(request), sleep(PATIENCE, undefined, { ref: false })])
      if (counted === undefined || isUncounted(counted)) metrics.noteRateLimit(name, 'uncounted')
      if (counted === undefined || counted.isAllowed || !counted.isExceeded) return
      metrics.noteRateLimit(name, 'refused')
      // Not louder: whoever floods the service should not flood its log.
      request.log.debug({ limit: name }, 'too many requests')
      throw new TooManyRequestsError(counted.ttlInSeconds)
    }
  })
}

/** Where the store failed, not even this request was counted. */
function isUncounted(counted: Counted): boolean {
  return !counted.isAllowed && counted.remaining === counted.max
}

export default fp(rateLimitPlugin, {
  name: 'rate-limit',
  fastify: '5.x',
  dependencies: ['config', 'redis', 'crypto', 'metrics'],
})
