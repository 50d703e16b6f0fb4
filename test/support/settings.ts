import { randomBytes } from 'node:crypto'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'

export type SentryAddress = Pick<SentrySandbox, 'host' | 'clientId' | 'clientSecret'>

/** For a service that asks Sentry for nothing. */
export const NO_SENTRY: SentryAddress = { host: 'sentry.invalid', clientId: 'id', clientSecret: 'secret' }

/** The settings that a service needs, with new keys, in front of a Sentry on loopback. */
export function createSettings(
  baseUrl: string,
  { host, clientId, clientSecret }: SentryAddress,
): Record<string, string> {
  return {
    BASE_URL: baseUrl,
    SENTRY_HOST: host,
    SENTRY_PROTOCOL: 'http',
    SENTRY_CLIENT_ID: clientId,
    SENTRY_CLIENT_SECRET: clientSecret,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    JWT_SIGNING_KEY: randomBytes(32).toString('base64'),
    CLIENT_ID_METADATA_DOCUMENTS: 'false',
  }
}
