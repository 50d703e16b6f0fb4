import { join } from 'node:path'
import fastifyRedis from '@fastify/redis'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Cluster, Redis } from 'ioredis'
import { StartUpError } from '../lib/errors.ts'
import { createKeyPrefix } from '../lib/store/keys.ts'
import { connectRedis } from '../lib/store/redis/connect.ts'
import { createRedisStore } from '../lib/store/redis/store.ts'
import type { Store } from '../lib/store/store.ts'
import { observeStore } from '../lib/telemetry/store-operations.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The state of the service: in Redis, or with STORE=embedded in a file. */
    store: Store
  }
}

/** How long the start waits for Redis with REDIS_WAIT=false. */
const START_TIMEOUT_MS = 5_000

const WITHOUT_REDIS = 'STORE=embedded needs no Redis, for one instance.'

async function redisPlugin(fastify: FastifyInstance) {
  const store =
    fastify.config.STORE === 'embedded' ? await openEmbeddedStore(fastify) : await openRedisStore(fastify)
  fastify.decorate('store', observeStore(store, fastify))
  fastify.addHook('onClose', () => store.close())
}

async function openEmbeddedStore({ config, log }: FastifyInstance): Promise<Store> {
  const { DATABASE_FILE } = await import('../lib/store/sqlite/database.ts')
  const { createEmbeddedStore } = await import('../lib/store/sqlite/store.ts')
  const store = createEmbeddedStore({ directory: config.DATA_DIR })
  log.info(`The embedded store is ${join(config.DATA_DIR, DATABASE_FILE)}.`)
  return store
}

/**
 * Redis may be unavailable at the start. With REDIS_WAIT the store then throws `StoreUnavailableError` until the client,
 * which keeps retrying, is connected; otherwise this throws `StartUpError`. @fastify/redis gets the client only when it
 * is connected: it would delay the start for one that is not, fail, and then be unable to close it.
 */
async function openRedisStore(fastify: FastifyInstance): Promise<Store> {
  const { config, log } = fastify
  const connection = await connectRedis(config, log)
  const { client, close } = connection
  if (connection.problem !== undefined && !config.REDIS_WAIT) await waitUntilReady(client)
  if (connection.problem !== undefined) {
    if (!config.REDIS_WAIT) {
      await close()
      throw new StartUpError(
        `${connection.problem} REDIS_WAIT is false, so the service does not start. ${WITHOUT_REDIS}`,
      )
    }
    log.warn(`starting without Redis, not ready (/health/ready) until it is available. ${WITHOUT_REDIS}`)
  }
  fastify.addHook('onClose', close)
  if (client.status === 'ready') await fastify.register(fastifyRedis, { client })
  else fastify.decorate('redis', client as FastifyInstance['redis'])
  return createRedisStore(client, { prefix: createKeyPrefix(config.BASE_URL) })
}

async function waitUntilReady(client: Redis | Cluster): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, START_TIMEOUT_MS)
  client.once('ready', resolve)
  await promise
  clearTimeout(timer)
}

export default fp(redisPlugin, {
  name: 'redis',
  fastify: '5.x',
  dependencies: ['config', 'metrics', 'tracing'],
})
