import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import wellKnownRoutes from '../routes/well-known.ts'

/** The well-known documents that tell clients where to sign in. */
async function oauthDiscoveryPlugin(fastify: FastifyInstance) {
  const { BASE_URL, SENTRY_SCOPES } = fastify.config
  await fastify.register(wellKnownRoutes, { baseUrl: BASE_URL, scopes: SENTRY_SCOPES })
}

export default fp(oauthDiscoveryPlugin, {
  name: 'oauth-discovery',
  fastify: '5.x',
  encapsulate: true,
  dependencies: ['config', 'security'],
})
