import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createEndpoints } from '../lib/oauth/endpoints.ts'
import { createSentryOAuth, type SentryOAuth } from '../lib/upstream/sentry-oauth.ts'
import { createUpstreamAccess, type UpstreamAccess } from '../lib/upstream/upstream-access.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Our OAuth application at Sentry. */
    sentry: SentryOAuth
    /** Sentry's tokens of a grant, renewed when they have to be. */
    upstream: UpstreamAccess
  }
}

/** Both sides of the service reach Sentry through this: sign-in gets tokens there, calls use and renew them. */
async function sentryPlugin(fastify: FastifyInstance) {
  const { config, store, sealer, log } = fastify
  const sentry = createSentryOAuth({
    protocol: config.SENTRY_PROTOCOL,
    host: config.SENTRY_HOST,
    clientId: config.SENTRY_CLIENT_ID,
    clientSecret: config.SENTRY_CLIENT_SECRET,
    redirectUri: createEndpoints(config.BASE_URL).callback,
  })
  fastify.decorate('sentry', sentry)
  fastify.decorate('upstream', createUpstreamAccess({ store, sealer, sentry, log }))
}

export default fp(sentryPlugin, {
  name: 'sentry',
  fastify: '5.x',
  dependencies: ['config', 'redis', 'crypto'],
})
