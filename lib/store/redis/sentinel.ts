import { Redis } from 'ioredis'
import type { RedisAddress, RedisHost } from '../../config/redis-address.ts'
import { formatHost } from '../../config/redis-address.ts'
import { BatchingClient } from './batching-client.ts'
import { computeRetryDelay, createRedisOptions, createTlsOptions, type RedisSettings } from './options.ts'
import { createOutage, type Outage, type RedisLog } from './outage.ts'

type SentinelAddress = RedisAddress & { shape: 'sentinel' }

/** For the response of a sentinel, before the next one is asked. */
const SENTINEL_TIMEOUT_MS = 1_000

/**
 * A client of the primary that the sentinels name, not connected yet. Every time it connects it asks them again and
 * checks that the server is a primary (role in INFO).
 */
export function createSentinelClient(
  settings: RedisSettings,
  { hosts, primary, database }: SentinelAddress,
  outage: Outage,
): Redis {
  const tls = createTlsOptions(settings)
  const redis = new BatchingClient({
    ...createRedisOptions(settings),
    db: database,
    sentinels: [...hosts],
    name: primary,
    enableTLSForSentinelMode: tls !== undefined,
    sentinelTLS: tls,
    sentinelUsername: settings.REDIS_SENTINEL_USERNAME,
    sentinelPassword: settings.REDIS_SENTINEL_PASSWORD,
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    sentinelRetryStrategy: computeRetryDelay,
    // The setting names them all. Sentinels report each other by address, which certificates rarely include.
    updateSentinels: false,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: computeRetryDelay,
  })
  let failure: string | undefined
  redis.on('sentinelError', ({ message }: Error) => {
    failure = message.includes('invalid reply')
      ? `the sentinels know no primary with the name ${primary}`
      : 'no sentinel responds'
  })
  redis.on('error', (error: Error) => {
    if (!error.message.startsWith('All sentinels are unreachable')) return outage.begin(error)
    // ioredis emits this also whenever it has reached the end of its list and starts over.
    if (failure !== undefined) outage.begin(failure)
    failure = undefined
  })
  redis.on('ready', () => {
    failure = undefined
    outage.end()
  })
  return redis
}

/**
 * Subscribes to the failovers that the sentinels announce. The old primary may accept writes for seconds more, all of
 * which are lost, so the client disconnects from it immediately. Returns a function that unsubscribes.
 */
export function subscribeToFailovers(
  redis: Redis,
  settings: RedisSettings,
  { hosts, primary }: SentinelAddress,
  log: RedisLog,
): () => void {
  let last: string | undefined
  const sentinels = hosts.map((host) => {
    const sentinel = openSentinel(host, settings)
    const outage = createOutage(`Sentinel at ${formatHost(host)}`, log, 'warn')
    sentinel.on('error', outage.begin)
    sentinel.on('ready', outage.end)
    sentinel.on('message', (_channel: string, announcement: string) => {
      // "<name> <old host> <old port> <new host> <new port>", from each of the sentinels.
      if (!announcement.startsWith(`${primary} `) || announcement === last) return
      last = announcement
      log.warn(`The sentinels have promoted another server to primary of ${primary}.`)
      // In any other state it is reconnecting already, and a disconnect would end that.
      if (redis.status === 'ready') redis.disconnect(true)
    })
    sentinel.subscribe('+switch-master').catch(() => undefined)
    return sentinel
  })
  return () => {
    for (const sentinel of sentinels) sentinel.disconnect()
  }
}

function openSentinel({ host, port }: RedisHost, settings: RedisSettings): Redis {
  return new Redis({
    ...createRedisOptions(settings),
    host,
    port,
    username: settings.REDIS_SENTINEL_USERNAME,
    password: settings.REDIS_SENTINEL_PASSWORD,
    enableReadyCheck: false,
    // The subscription waits until the sentinel is available, and ioredis renews it with the connection.
    maxRetriesPerRequest: null,
    commandTimeout: undefined,
    retryStrategy: computeRetryDelay,
  })
}
