import { type Cluster, Redis } from 'ioredis'
import { describeRedisAddress, parseRedisAddress, type RedisAddress } from '../../config/redis-address.ts'
import { createClusterClient } from './cluster.ts'
import { createRedisOptions, delayAttempt, type RedisSettings } from './options.ts'
import { createOutage, type Outage, type RedisLog } from './outage.ts'
import { createSentinelClient, watchFailover } from './sentinel.ts'
import { warnOfRedis } from './warnings.ts'

/** How long the start waits for Redis before it goes on without, in ms. */
const START_PATIENCE = 3_000

export interface RedisConnection {
  client: Redis | Cluster
  /** Why it cannot be used at the moment, in words and without a secret; undefined when it can. */
  readonly problem: string | undefined
  /** Closes it whether or not its server answers. */
  close(): Promise<void>
}

/**
 * Opens the connection to Redis, to the primary that sentinels name, or to a cluster. Resolves when it is ready, when
 * it is known not to be, or after 3 s; a client that is not connected by then goes on trying. The client fails fast: no command waits
 * for a connection, none is sent twice, and none waits longer than 2 s. What happens to the connection is in the
 * log, without the password.
 */
export async function connectRedis(settings: RedisSettings, log: RedisLog): Promise<RedisConnection> {
  const address = parseRedisAddress(settings.REDIS_URL)
  const name = `Redis at ${describeRedisAddress(address)}`
  const outage = createOutage(name, log)
  const { client, connect } = createClient(settings, address, outage, log)
  const stopWatch =
    address.shape === 'sentinel' && client instanceof Redis
      ? watchFailover(client, settings, address, log)
      : () => undefined
  const examined = warnOfRedis(client, log)
  await waitForConnection(connect)
  // The rest of the start keeps the processor to itself, in which an answer under way would seem to be late.
  await examined()
  return {
    client,
    get problem() {
      return client.status === 'ready' ? undefined : `${name} ${describeOutage(outage)}`
    },
    async close() {
      stopWatch()
      await disconnect(client)
    },
  }
}

interface Client {
  client: Redis | Cluster
  /** Resolves or fails with the first attempt. */
  connect(): Promise<void>
}

function createClient(settings: RedisSettings, address: RedisAddress, outage: Outage, log: RedisLog): Client {
  if (address.shape === 'cluster') return createClusterClient(settings, address, outage, log)
  const client =
    address.shape === 'sentinel'
      ? createSentinelClient(settings, address, outage)
      : createSingleClient(settings, address, outage)
  return { client, connect: () => client.connect() }
}

function createSingleClient(settings: RedisSettings, address: RedisAddress, outage: Outage): Redis {
  const redis = new Redis({
    ...createRedisOptions(settings),
    ...address.hosts[0],
    db: address.database,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: delayAttempt,
  })
  redis.on('error', outage.begin)
  redis.on('ready', outage.end)
  return redis
}

function describeOutage({ cause }: Outage): string {
  return cause === undefined ? 'does not answer.' : `is not available: ${cause}.`
}

async function waitForConnection(connect: Client['connect']): Promise<void> {
  const patience = Promise.withResolvers<void>()
  const timer = setTimeout(patience.resolve, START_PATIENCE)
  // Why it failed is in the log already, and the client tries again by itself.
  await Promise.race([connect().catch(() => undefined), patience.promise])
  clearTimeout(timer)
}

async function disconnect(client: Redis | Cluster): Promise<void> {
  try {
    await client.quit()
  } catch {
    client.disconnect()
  }
}
