import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createDrain, type Drain } from '../lib/http/drain.ts'
import { closeUnreadConnections } from '../lib/http/send-timeout.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Graceful shutdown of the server. */
    drain: Drain
  }
}

/** Closes connections that nothing leaves by, and marks the instance as draining on close, even without `drain.run()`. */
async function drainingPlugin(fastify: FastifyInstance) {
  closeUnreadConnections(fastify.server)
  const drain = createDrain(fastify.server)
  fastify.decorate('drain', drain)
  fastify.addHook('preClose', async () => drain.start())
}

export default fp(drainingPlugin, { name: 'draining', fastify: '5.x' })
