import type { CommonRedisOptions, RedisOptions } from 'ioredis'
import { parseRedisAddress, type RedisAddress } from '../../config/redis-address.ts'

export interface RedisSettings {
  REDIS_URL: string
  REDIS_TLS: boolean | undefined
  REDIS_TLS_REJECT_UNAUTHORIZED: boolean
  /** Certificates and key, PEM. */
  REDIS_CA: string | undefined
  REDIS_CLIENT_CERT: string | undefined
  REDIS_CLIENT_KEY: string | undefined
  REDIS_SENTINEL_USERNAME: string | undefined
  REDIS_SENTINEL_PASSWORD: string | undefined
}

/** For a command, and for each step of connecting. */
const TIMEOUT_MS = 2_000

/** The delay before an attempt to reconnect, in ms: exponential with jitter, at most 700. */
export function computeRetryDelay(attempt: number): number {
  return Math.min(50 * 2 ** attempt, 500) + Math.random() * 200
}

/** The options of every connection. It fails fast: no command is sent twice, and none waits longer than 2 s. */
export function createRedisOptions(settings: RedisSettings) {
  const { username, password } = parseRedisAddress(settings.REDIS_URL)
  return {
    username,
    password,
    tls: createTlsOptions(settings),
    connectionName: 'sentry-mcp',
    // It would take another command, which an ACL would have to allow.
    disableClientInfo: true,
    // A command without a response may have run, so that commands in flight fail with the connection.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: TIMEOUT_MS,
    // Detects a dead connection (lost host, cut network), which TCP alone would keep for a quarter of an hour.
    socketTimeout: TIMEOUT_MS,
    connectTimeout: TIMEOUT_MS,
    disconnectTimeout: 500,
    maxLoadingRetryTime: 500,
    // After a failover the old primary is a replica: reconnecting resolves the name again.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies CommonRedisOptions & Partial<RedisOptions>
}

/** Whether connections use TLS, by REDIS_TLS or else by the URL. An ElastiCache address implies TLS. */
export function usesTls({ REDIS_TLS, REDIS_URL }: Pick<RedisSettings, 'REDIS_TLS' | 'REDIS_URL'>): boolean {
  return REDIS_TLS ?? impliesTls(parseRedisAddress(REDIS_URL))
}

function impliesTls({ isSecure, hosts }: RedisAddress): boolean {
  return isSecure || hosts.some(({ host }) => host.toLowerCase().endsWith('.cache.amazonaws.com'))
}

/** Only the authorities of REDIS_CA are trusted, or those that Node trusts without it. */
export function createTlsOptions(settings: RedisSettings) {
  if (!usesTls(settings)) return undefined
  const { REDIS_TLS_REJECT_UNAUTHORIZED, REDIS_CA, REDIS_CLIENT_CERT, REDIS_CLIENT_KEY } = settings
  return {
    rejectUnauthorized: REDIS_TLS_REJECT_UNAUTHORIZED,
    ...(REDIS_CA !== undefined && { ca: REDIS_CA }),
    ...(REDIS_CLIENT_CERT !== undefined && { cert: REDIS_CLIENT_CERT, key: REDIS_CLIENT_KEY }),
  }
}
