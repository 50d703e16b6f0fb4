import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createDrain, type Drain } from '../lib/http/drain.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Graceful shutdown of the server. */
    drain: Drain
  }
}

/** Marks the instance as draining on close, even when `drain.run()` was skipped. */
async function drainingPlugin(fastify: FastifyInstance) {
  const drain = createDrain(fastify.server)
  fastify.decorate('drain', drain)
  fastify.addHook('preClose', async () => drain.start())
}

export default fp(drainingPlugin, { name: 'draining', fastify: '5.x' })
