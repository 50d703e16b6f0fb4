import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import wellKnownRoutes from '../routes/well-known.ts'

/** The well-known documents that tell clients where and how to sign in. */
async function oauthDiscoveryPlugin(fastify: FastifyInstance) {
  const { config, cimd } = fastify
  await fastify.register(wellKnownRoutes, {
    baseUrl: config.BASE_URL,
    scopes: config.SENTRY_SCOPES,
    getFeatures: () => ({
      dcr: config.DCR !== 'off',
      cimd: cimd.isOffered(),
      iss: config.ADVERTISE_ISS,
    }),
  })
}

export default fp(oauthDiscoveryPlugin, {
  name: 'oauth-discovery',
  fastify: '5.x',
  encapsulate: true,
  dependencies: ['config', 'security', 'cimd'],
})
