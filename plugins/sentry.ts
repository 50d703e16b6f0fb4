import { X509Certificate } from 'node:crypto'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createEndpoints } from '../lib/oauth/endpoints.ts'
import { registerSecrets } from '../lib/telemetry/redact.ts'
import { createUpstreamAccess, type UpstreamAccess } from '../lib/upstream/access.ts'
import { createSentryApi, type SentryApi } from '../lib/upstream/api.ts'
import { createSentryLocation, describeOpenSignIn, type SentryLocation } from '../lib/upstream/location.ts'
import { createSentryOAuth, type SentryOAuth } from '../lib/upstream/oauth.ts'
import { createUpstreamRevocation, type UpstreamRevocation } from '../lib/upstream/revocation.ts'

/** How long closing waits for revocations in flight. */
const REVOCATION_TIMEOUT_MS = 2_000

/** How long before the expiry of the client certificate the log warns of it: 14 days. */
const CERTIFICATE_NOTICE_MS = 14 * 86_400_000

/** A shorter value of a header is a word, such as `https`, that occurs elsewhere as well. */
const MIN_SECRET_LENGTH = 12

declare module 'fastify' {
  interface FastifyInstance {
    /** Where Sentry is. */
    sentryLocation: SentryLocation
    /** The parts of Sentry's API that the service itself calls. */
    sentryApi: SentryApi
    /** Our OAuth application at Sentry. */
    sentryOAuth: SentryOAuth
    /** Sentry's tokens of a grant, renewed when necessary. */
    sentryTokens: UpstreamAccess
    /** Revokes Sentry's tokens of ended grants. */
    sentryRevocation: UpstreamRevocation
  }
}

/** Sentry, for both sides of the service: sign-in gets tokens there, tool calls use and renew them. */
async function sentryPlugin(fastify: FastifyInstance) {
  const { config, store, sealer, audit, log, metrics } = fastify
  registerSecrets(listSecretValues(config.SENTRY_CUSTOM_HEADERS))
  warnOfExpiry(config.SENTRY_CLIENT_CERT, log)
  const location = createSentryLocation(config)
  const sentry = createSentryOAuth(config, {
    sentry: location,
    redirectUri: createEndpoints(config.BASE_URL).callback,
  })
  const tokens = createUpstreamAccess({
    store,
    sealer,
    sentry,
    log,
    recordRenewal: (outcome) => metrics.recordRenewal(outcome),
    onSignInRequired: (grant) => audit.write({ event: 'sign_in_required', about: grant }),
  })
  const revocation = createUpstreamRevocation({ sealer, sentry, log })
  const openSignIn = describeOpenSignIn(config)
  if (openSignIn !== undefined) log.warn(openSignIn)
  fastify.decorate('sentryLocation', location)
  fastify.decorate('sentryApi', createSentryApi(location))
  fastify.decorate('sentryOAuth', sentry)
  fastify.decorate('sentryTokens', tokens)
  fastify.decorate('sentryRevocation', revocation)
  fastify.addHook('onClose', async () => {
    await Promise.all([tokens.close(), revocation.settle(REVOCATION_TIMEOUT_MS)])
  })
}

/**
 * The credentials in custom headers, without a scheme such as `Bearer`. What a proxy is told about a request stands in
 * the log anyway.
 */
function listSecretValues(headers: Readonly<Record<string, string>> = {}): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('x-forwarded-')
      ? []
      : value.split(' ').filter(({ length }) => length >= MIN_SECRET_LENGTH),
  )
}

/** With an expired certificate no request reaches Sentry, and the error of TLS does not say why. */
function warnOfExpiry(certificate: string | undefined, log: FastifyBaseLogger): void {
  if (certificate === undefined) return
  const { validToDate } = new X509Certificate(certificate)
  if (validToDate.getTime() - Date.now() > CERTIFICATE_NOTICE_MS) return
  log.warn(
    { expiresAt: validToDate },
    'SENTRY_CLIENT_CERT has expired, or will soon: replace it, and restart',
  )
}

export default fp(sentryPlugin, {
  name: 'sentry',
  fastify: '5.x',
  dependencies: ['config', 'redis', 'crypto', 'audit', 'metrics'],
})
