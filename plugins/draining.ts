import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createDrain, type Drain } from '../lib/http/drain.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** How the server comes to its end. */
    drain: Drain
  }
}

/** The end of the server: whoever closes it without draining has at least said so. */
async function drainingPlugin(fastify: FastifyInstance) {
  const drain = createDrain(fastify.server)
  fastify.decorate('drain', drain)
  fastify.addHook('preClose', async () => drain.announce())
}

export default fp(drainingPlugin, { name: 'draining', fastify: '5.x' })
