import type { RedisServer } from '../test/support/redis.ts'
import { createSettings, type SentryAddress } from '../test/support/settings.ts'

/** The settings of a service that is measured: as in production, with limits that are counted and never reached. */
export function createBenchSettings(
  baseUrl: string,
  sentry: SentryAddress,
  redis: RedisServer,
): Record<string, string> {
  return {
    ...createSettings(baseUrl, sentry),
    REDIS_URL: redis.url,
    RATE_LIMIT_MCP: '1000000',
    RATE_LIMIT_OAUTH: '1000000',
    SHUTDOWN_GRACE: '1',
  }
}
