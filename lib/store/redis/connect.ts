import { type Cluster, Redis } from 'ioredis'
import { describeRedisAddress, parseRedisAddress, type RedisAddress } from '../../config/redis-address.ts'
import { BatchingClient } from './batching-client.ts'
import { createClusterClient } from './cluster.ts'
import { computeRetryDelay, createRedisOptions, type RedisSettings } from './options.ts'
import { createOutage, type Outage, type RedisLog } from './outage.ts'
import { createSentinelClient, subscribeToFailovers } from './sentinel.ts'
import { warnAboutServers } from './warnings.ts'

/** How long to wait for Redis at the start. */
const START_TIMEOUT_MS = 3_000

export interface RedisConnection {
  client: Redis | Cluster
  /** Why Redis is unavailable at the moment, a sentence without secrets; undefined when it is available. */
  readonly problem: string | undefined
  /** Closes the connection, whether or not the server responds. */
  close(): Promise<void>
}

/**
 * Connects to Redis: to one server, to the primary that sentinels name, or to a cluster. Resolves when the connection is
 * ready or has failed, and after 3 s at the latest; a client without a connection keeps retrying. The client fails fast:
 * no command waits for a connection, none is sent twice, and none waits longer than 2 s. Connection events are logged
 * without the password.
 */
export async function connectRedis(settings: RedisSettings, log: RedisLog): Promise<RedisConnection> {
  const address = parseRedisAddress(settings.REDIS_URL)
  const name = `Redis at ${describeRedisAddress(address)}`
  const outage = createOutage(name, log)
  const { client, connect } = createClient(settings, address, outage, log)
  const unsubscribe =
    address.shape === 'sentinel' && client instanceof Redis
      ? subscribeToFailovers(client, settings, address, log)
      : () => undefined
  const whenChecked = warnAboutServers(client, log)
  await waitForConnection(connect)
  // The rest of the start blocks the event loop, in which a response in flight would time out.
  await whenChecked()
  return {
    client,
    get problem() {
      return client.status === 'ready' ? undefined : `${name} ${describeOutage(outage)}`
    },
    async close() {
      unsubscribe()
      await disconnect(client)
    },
  }
}

interface RedisClient {
  client: Redis | Cluster
  /** Settles with the first attempt. */
  connect(): Promise<void>
}

function createClient(
  settings: RedisSettings,
  address: RedisAddress,
  outage: Outage,
  log: RedisLog,
): RedisClient {
  if (address.shape === 'cluster') return createClusterClient(settings, address, outage, log)
  const client =
    address.shape === 'sentinel'
      ? createSentinelClient(settings, address, outage)
      : createSingleClient(settings, address, outage)
  return { client, connect: () => client.connect() }
}

function createSingleClient(settings: RedisSettings, address: RedisAddress, outage: Outage): Redis {
  const redis = new BatchingClient({
    ...createRedisOptions(settings),
    ...address.hosts[0],
    db: address.database,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: computeRetryDelay,
  })
  redis.on('error', outage.begin)
  redis.on('ready', outage.end)
  return redis
}

function describeOutage({ cause }: Outage): string {
  return cause === undefined ? 'does not respond.' : `is not available: ${cause}.`
}

async function waitForConnection(connect: RedisClient['connect']): Promise<void> {
  const { promise: timeout, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, START_TIMEOUT_MS)
  // The failure is logged already, and the client retries.
  await Promise.race([connect().catch(() => undefined), timeout])
  clearTimeout(timer)
}

async function disconnect(client: Redis | Cluster): Promise<void> {
  try {
    await client.quit()
  } catch {
    client.disconnect()
  }
}
