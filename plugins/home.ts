import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createSentryLocation } from '../lib/upstream/location.ts'
import homeRoute from '../routes/home.ts'

/** The set-up page. It is the same for every user and needs neither the store nor Sentry. */
async function homePlugin(fastify: FastifyInstance) {
  const { config } = fastify
  const { host: sentryHost } = createSentryLocation(config)
  await fastify.register(homeRoute, { baseUrl: config.BASE_URL, sentryHost })
}

export default fp(homePlugin, {
  name: 'home',
  fastify: '5.x',
  encapsulate: true,
  dependencies: ['config', 'security'],
})
