import { createSentryLocation } from '../../lib/upstream/location.ts'
import { createSentryOAuth, type SentryOAuth } from '../../lib/upstream/oauth.ts'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'

export interface SentryOAuthChoices {
  redirectUri?: string
  timeoutMs?: number
}

/** The OAuth client of the service for a sandbox, with its credentials. */
export function createSandboxOAuth(
  { host, clientId, clientSecret }: Pick<SentrySandbox, 'host' | 'clientId' | 'clientSecret'>,
  { redirectUri = 'http://localhost:3000/oauth/callback', timeoutMs }: SentryOAuthChoices = {},
): SentryOAuth {
  return createSentryOAuth(
    { SENTRY_CLIENT_ID: clientId, SENTRY_CLIENT_SECRET: clientSecret },
    {
      sentry: createSentryLocation({ SENTRY_HOST: host, SENTRY_PROTOCOL: 'http' }),
      redirectUri,
      timeoutMs,
    },
  )
}
