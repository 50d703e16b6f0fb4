import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createEndpoints } from '../lib/oauth/endpoints.ts'
import { createUpstreamAccess, type UpstreamAccess } from '../lib/upstream/access.ts'
import { createSentryApi, type SentryApi } from '../lib/upstream/api.ts'
import { createSentryLocation, describeOpenSignIn, type SentryLocation } from '../lib/upstream/location.ts'
import { createSentryOAuth, type SentryOAuth } from '../lib/upstream/oauth.ts'
import { createUpstreamRevocation, type UpstreamRevocation } from '../lib/upstream/revocation.ts'

/** How long closing waits for revocations in flight. */
const REVOCATION_TIMEOUT_MS = 2_000

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
  const sentry = createSentryOAuth(config, createEndpoints(config.BASE_URL).callback)
  const tokens = createUpstreamAccess({
    store,
    sealer,
    sentry,
    log,
    recordRenewal: (outcome) => metrics.recordRenewal(outcome),
    onSignInRequired: (grant) => audit.write({ event: 'sign_in_required', about: grant }),
  })
  const revocation = createUpstreamRevocation({ sealer, sentry, log })
  const location = createSentryLocation(config)
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

export default fp(sentryPlugin, {
  name: 'sentry',
  fastify: '5.x',
  dependencies: ['config', 'redis', 'crypto', 'audit', 'metrics'],
})
