import type { SentrySandbox } from '../test/sandbox/sentry/server.ts'
import type { RedisServer } from '../test/support/redis.ts'

/** The settings of a service that is measured: with everything that it does where it runs, and nothing refused. */
export function createSettings(
  baseUrl: string,
  sentry: SentrySandbox,
  redis: RedisServer,
): Record<string, string> {
  return {
    BASE_URL: baseUrl,
    SENTRY_HOST: sentry.host,
    SENTRY_PROTOCOL: 'http',
    SENTRY_CLIENT_ID: sentry.clientId,
    SENTRY_CLIENT_SECRET: sentry.clientSecret,
    ENCRYPTION_KEY: 'e'.repeat(32),
    JWT_SIGNING_KEY: 'j'.repeat(32),
    REDIS_URL: redis.url,
    // One user from one address: counted, as it is where it runs, but never too many.
    RATE_LIMIT_MCP: '1000000',
    CLIENT_ID_METADATA_DOCUMENTS: 'false',
  }
}
