import { Redis } from 'ioredis'
import type { RedisAddress, RedisHost } from '../../config/redis-address.ts'
import { formatHost } from '../../config/redis-address.ts'
import { createRedisOptions, createTlsOptions, delayAttempt, type RedisSettings } from './options.ts'
import { createOutage, type Outage, type RedisLog } from './outage.ts'

type SentinelAddress = RedisAddress & { shape: 'sentinel' }

/** How long a sentinel may take for an answer, in ms, before the next one is asked. */
const SENTINEL_PATIENCE = 1_000

/**
 * A client of the primary that sentinels name, not connected yet. Each time it connects it asks them anew, and
 * makes sure that it got a primary (role in INFO).
 */
export function createSentinelClient(
  settings: RedisSettings,
  { hosts, primary, database }: SentinelAddress,
  outage: Outage,
): Redis {
  const tls = createTlsOptions(settings)
  const redis = new Redis({
    ...createRedisOptions(settings),
    db: database,
    sentinels: [...hosts],
    name: primary,
    enableTLSForSentinelMode: tls !== undefined,
    sentinelTLS: tls,
    sentinelUsername: settings.REDIS_SENTINEL_USERNAME,
    sentinelPassword: settings.REDIS_SENTINEL_PASSWORD,
    sentinelCommandTimeout: SENTINEL_PATIENCE,
    sentinelRetryStrategy: delayAttempt,
    // The setting names them all. What they say of each other are addresses that certificates are seldom for.
    updateSentinels: false,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: delayAttempt,
  })
  let failure: string | undefined
  redis.on('sentinelError', ({ message }: Error) => {
    failure = message.includes('invalid reply')
      ? `the sentinels know no primary with the name ${primary}`
      : 'no sentinel answers'
  })
  redis.on('error', (error: Error) => {
    if (!error.message.startsWith('All sentinels are unreachable')) return outage.begin(error)
    // The client says so as well whenever it has come to the end of its list and begins anew.
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
 * Follows what the sentinels announce. After a failover the old primary may live on for seconds and take writes
 * that nobody will ever see, so the client leaves it at once. Returns what ends the watch.
 */
export function watchFailover(
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
      log.warn(`The sentinels have made another server the primary of ${primary}.`)
      // In any other state it is on its way already, and would not come back from being cut off.
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
    // The subscription waits for the sentinel, however long that takes, and is renewed with the connection.
    maxRetriesPerRequest: null,
    commandTimeout: undefined,
    retryStrategy: delayAttempt,
  })
}
