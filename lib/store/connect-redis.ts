import type { FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'
import type { Config } from '../config.ts'

export type RedisSettings = Pick<Config, 'REDIS_URL' | 'REDIS_TLS' | 'REDIS_TLS_REJECT_UNAUTHORIZED'>
type Log = Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>

/** How long the start waits for Redis before it goes on without, in ms. */
const START_PATIENCE = 3_000

/**
 * Opens the connection to Redis and resolves when it is ready, or after 3 s at most; a client that is not
 * connected by then goes on trying. The client fails fast: no command waits for a connection, none is sent
 * twice, and none waits longer than 2 s. What happens to the connection is in the log, without the password.
 */
export async function connectRedis(settings: RedisSettings, log: Log): Promise<Redis> {
  const url = new URL(settings.REDIS_URL)
  const address = `${url.hostname}:${url.port || 6379}`
  // `usesTls` has read the scheme; left as it is, it would turn TLS on against REDIS_TLS=false.
  url.protocol = 'redis:'
  const redis = new Redis(url.href, {
    ...(usesTls(settings) && { tls: { rejectUnauthorized: settings.REDIS_TLS_REJECT_UNAUTHORIZED } }),
    lazyConnect: true,
    connectionName: 'sentry-mcp',
    enableOfflineQueue: false,
    // A command without an answer may have run, so none is sent again: all fail when the connection does.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 2_000,
    // A connection that went dead without a word (a lost host, a cut network) is given up as well; TCP alone
    // would keep it for a quarter of an hour.
    socketTimeout: 2_000,
    connectTimeout: 2_000,
    disconnectTimeout: 500,
    maxLoadingRetryTime: 500,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 500) + Math.random() * 200,
    // After a failover the old primary answers as a replica: the name has to be resolved anew.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  })
  logConnection(redis, address, log)
  redis.once('ready', () => void warnOfEviction(redis, log))
  await waitForConnection(redis)
  return redis
}

/** Whether the connection uses TLS: what REDIS_TLS says, else the URL. An ElastiCache address counts as TLS. */
export function usesTls({ REDIS_TLS, REDIS_URL }: RedisSettings): boolean {
  const { protocol, hostname } = new URL(REDIS_URL)
  return REDIS_TLS ?? (protocol === 'rediss:' || hostname.endsWith('.cache.amazonaws.com'))
}

/** Closes a client whether or not its server answers. */
export async function disconnectRedis(redis: Redis): Promise<void> {
  try {
    await redis.quit()
  } catch {
    redis.disconnect()
  }
}

/** One line for each cause of an outage and one for its end, not one for every attempt. */
function logConnection(redis: Redis, address: string, log: Log): void {
  const causes = new Set<string>()
  let isKnownToBeUp = false
  redis.on('ready', () => {
    if (!isKnownToBeUp) log.info(`Connected to Redis at ${address}.`)
    isKnownToBeUp = true
    causes.clear()
  })
  redis.on('error', (error: NodeJS.ErrnoException) => {
    const cause = describe(error)
    if (causes.has(cause)) return
    causes.add(cause)
    isKnownToBeUp = false
    log.error(`Redis at ${address} is not available: ${cause}. Trying again until it is.`)
  })
}

/** Only the words of the error: its `command` may hold the password, and so may the arguments a server repeats. */
function describe(error: NodeJS.ErrnoException): string {
  const text = error.message || error.code || error.name
  return text.replace(/,? with args.*/s, '').replace(/\.$/, '')
}

async function waitForConnection(redis: Redis): Promise<void> {
  const patience = Promise.withResolvers<void>()
  const timer = setTimeout(patience.resolve, START_PATIENCE)
  // Why it failed is in the log already, and the client tries again by itself.
  await Promise.race([redis.connect().catch(() => undefined), patience.promise])
  clearTimeout(timer)
}

async function warnOfEviction(redis: Redis, log: Log): Promise<void> {
  // Managed services often forbid CONFIG and seldom INFO; what cannot be read is not warned of.
  const memory = await redis.info('memory').catch(() => '')
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1]
  if (policy === undefined || policy === 'noeviction') return
  log.warn(
    `Redis has maxmemory-policy ${policy}: when its memory is full it forgets sign-ins. Set it to noeviction.`,
  )
}
