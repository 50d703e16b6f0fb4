import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import wellKnownRoutes from '../routes/well-known.ts'

/** The well-known documents that tell clients where to sign in. */
async function oauthDiscoveryPlugin(fastify: FastifyInstance) {
  const { config, clientDocuments } = fastify
  await fastify.register(wellKnownRoutes, {
    baseUrl: config.BASE_URL,
    scopes: config.SENTRY_SCOPES,
    findOffers: () => ({
      registration: config.DCR !== 'off',
      documents: clientDocuments.isOffered(),
      iss: config.ADVERTISE_ISS,
    }),
  })
}

export default fp(oauthDiscoveryPlugin, {
  name: 'oauth-discovery',
  fastify: '5.x',
  encapsulate: true,
  dependencies: ['config', 'security', 'client-documents'],
})
