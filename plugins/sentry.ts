import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createEndpoints } from '../lib/oauth/endpoints.ts'
import type { GrantRecord } from '../lib/store/store.ts'
import { createUpstreamAccess, type UpstreamAccess } from '../lib/upstream/access.ts'
import { createSentryOAuth, type SentryOAuth } from '../lib/upstream/oauth.ts'
import { countRenewals } from '../lib/upstream/renewals.ts'
import { createUpstreamRevocation, type UpstreamRevocation } from '../lib/upstream/revocation.ts'

/** How long the end of the process waits for revocations under way, in ms. */
const REVOCATION_PATIENCE = 2_000

declare module 'fastify' {
  interface FastifyInstance {
    /** Our OAuth application at Sentry. */
    sentry: SentryOAuth
    /** Sentry's tokens of a grant, renewed when they have to be. */
    upstream: UpstreamAccess
    /** Ends at Sentry what an ended grant held there. */
    revocation: UpstreamRevocation
  }
}

/** Both sides of the service reach Sentry through this: sign-in gets tokens there, calls use and renew them. */
async function sentryPlugin(fastify: FastifyInstance) {
  const { config, store, sealer, audit, log, metrics } = fastify
  const application = createSentryOAuth(config, createEndpoints(config.BASE_URL).callback)
  const sentry = countRenewals(application, metrics)
  fastify.decorate('sentry', sentry)
  const onSignInRequired = (grant: GrantRecord) => audit.write({ event: 'sign_in_required', about: grant })
  const upstream = createUpstreamAccess({ store, sealer, sentry, log, onSignInRequired })
  fastify.decorate('upstream', upstream)
  const revocation = createUpstreamRevocation({ sealer, sentry, log })
  fastify.decorate('revocation', revocation)
  fastify.addHook('onClose', async () => {
    await Promise.all([upstream.close(), revocation.settle(REVOCATION_PATIENCE)])
  })
}

export default fp(sentryPlugin, {
  name: 'sentry',
  fastify: '5.x',
  dependencies: ['config', 'redis', 'crypto', 'audit', 'metrics'],
})
