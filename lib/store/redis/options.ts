import type { CommonRedisOptions, RedisOptions } from 'ioredis'
import type { Config } from '../../config/load.ts'
import { parseRedisAddress, type RedisAddress } from '../../config/redis-address.ts'

export type RedisSettings = Pick<
  Config,
  | 'REDIS_URL'
  | 'REDIS_TLS'
  | 'REDIS_TLS_REJECT_UNAUTHORIZED'
  | 'REDIS_CA'
  | 'REDIS_CLIENT_CERT'
  | 'REDIS_CLIENT_KEY'
  | 'REDIS_SENTINEL_USERNAME'
  | 'REDIS_SENTINEL_PASSWORD'
>

/** How long a command, and each step of connecting, may take, in ms. */
export const PATIENCE = 2_000

/** The time before another attempt to connect, in ms: soon at first, at most 0.7 s. */
export function delayAttempt(attempt: number): number {
  return Math.min(50 * 2 ** attempt, 500) + Math.random() * 200
}

/**
 * How every connection behaves, whatever the shape: it fails fast. No command is sent twice, and none waits longer
 * than 2 s.
 */
export function createRedisOptions(settings: RedisSettings) {
  const { username, password } = parseRedisAddress(settings.REDIS_URL)
  return {
    username,
    password,
    tls: createTlsOptions(settings),
    connectionName: 'sentry-mcp',
    // A command of its own on every connection, which an ACL would have to allow.
    disableClientInfo: true,
    // A command without an answer may have run, so none is sent again: all fail when the connection does.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: PATIENCE,
    // A connection that went dead without a word (a lost host, a cut network) is given up as well; TCP alone
    // would keep it for a quarter of an hour.
    socketTimeout: PATIENCE,
    connectTimeout: PATIENCE,
    disconnectTimeout: 500,
    maxLoadingRetryTime: 500,
    // After a failover the old primary answers as a replica: the name has to be resolved anew.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies CommonRedisOptions & Partial<RedisOptions>
}

/** Whether connections use TLS: what REDIS_TLS says, else the URL. An ElastiCache address counts as TLS. */
export function usesTls({ REDIS_TLS, REDIS_URL }: Pick<RedisSettings, 'REDIS_TLS' | 'REDIS_URL'>): boolean {
  return REDIS_TLS ?? impliesTls(parseRedisAddress(REDIS_URL))
}

function impliesTls({ isSecure, hosts }: RedisAddress): boolean {
  return isSecure || hosts.some(({ host }) => host.toLowerCase().endsWith('.cache.amazonaws.com'))
}

/** With REDIS_CA its authorities are trusted and no others, else those that Node trusts. */
export function createTlsOptions(settings: RedisSettings) {
  if (!usesTls(settings)) return undefined
  const { REDIS_TLS_REJECT_UNAUTHORIZED, REDIS_CA, REDIS_CLIENT_CERT, REDIS_CLIENT_KEY } = settings
  return {
    rejectUnauthorized: REDIS_TLS_REJECT_UNAUTHORIZED,
    ...(REDIS_CA !== undefined && { ca: REDIS_CA }),
    ...(REDIS_CLIENT_CERT !== undefined && { cert: REDIS_CLIENT_CERT, key: REDIS_CLIENT_KEY }),
  }
}
