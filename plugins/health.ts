import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import healthRoutes from '../routes/health.ts'

/** Whether the process lives, and whether it should get requests. */
async function healthPlugin(fastify: FastifyInstance) {
  let isDraining = false
  fastify.addHook('preClose', async () => {
    isDraining = true
  })
  await fastify.register(healthRoutes, { store: fastify.store, isDraining: () => isDraining })
}

export default fp(healthPlugin, {
  name: 'health',
  fastify: '5.x',
  encapsulate: true,
  dependencies: ['redis'],
})
