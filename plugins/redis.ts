import fastifyRedis from '@fastify/redis'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { connectRedis, disconnectRedis } from '../lib/store/connect-redis.ts'
import { createEmbeddedStore } from '../lib/store/embedded-store.ts'
import { createKeyPrefix } from '../lib/store/keys.ts'
import { createRedisStore } from '../lib/store/redis-store.ts'
import type { Store } from '../lib/store/store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What the service remembers: in Redis, or with STORE=embedded in a file. */
    store: Store
  }
}

async function redisPlugin(fastify: FastifyInstance) {
  const store =
    fastify.config.STORE === 'embedded'
      ? createEmbeddedStore({ directory: fastify.config.DATA_DIR })
      : await openRedisStore(fastify)
  fastify.decorate('store', store)
  fastify.addHook('onClose', () => store.close())
}

/**
 * Redis may be away at the start: the store then throws `StoreUnavailableError` until the client, which keeps
 * trying, gets through. @fastify/redis by itself would hold up the start and then end it, so it gets a client
 * only once that is connected; and it would fail to close a client that is not.
 */
async function openRedisStore(fastify: FastifyInstance): Promise<Store> {
  const redis = await connectRedis(fastify.config, fastify.log)
  fastify.addHook('onClose', () => disconnectRedis(redis))
  if (redis.status === 'ready') await fastify.register(fastifyRedis, { client: redis })
  else fastify.decorate('redis', redis as FastifyInstance['redis'])
  return createRedisStore(redis, { prefix: createKeyPrefix(fastify.config.BASE_URL) })
}

export default fp(redisPlugin, { name: 'redis', fastify: '5.x', dependencies: ['config'] })
