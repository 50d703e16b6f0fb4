import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { useOutgoingProxy } from '../lib/net/outgoing-proxy.ts'

/** Sends outgoing requests through the proxies of the settings. */
async function outgoingProxyPlugin(fastify: FastifyInstance) {
  const restore = useOutgoingProxy(fastify.config)
  fastify.addHook('onClose', async () => restore())
}

export default fp(outgoingProxyPlugin, { name: 'outgoing-proxy', fastify: '5.x', dependencies: ['config'] })
