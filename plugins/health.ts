import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import healthRoutes from '../routes/health.ts'

/** Liveness and readiness. */
async function healthPlugin(fastify: FastifyInstance) {
  const { store, drain } = fastify
  await fastify.register(healthRoutes, { store, drain })
}

export default fp(healthPlugin, {
  name: 'health',
  fastify: '5.x',
  encapsulate: true,
  dependencies: ['redis', 'draining'],
})
