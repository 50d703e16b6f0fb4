import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import homeRoute from '../routes/home.ts'

/** The set-up page. It is the same for every user and needs neither the store nor Sentry. */
async function homePlugin(fastify: FastifyInstance) {
  const { BASE_URL, SENTRY_HOST } = fastify.config
  await fastify.register(homeRoute, { baseUrl: BASE_URL, sentryHost: SENTRY_HOST })
}

export default fp(homePlugin, {
  name: 'home',
  fastify: '5.x',
  encapsulate: true,
  dependencies: ['config', 'security'],
})
