import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Network } from '../lib/net/network.ts'
import { openPublicNetwork } from '../lib/net/outgoing-proxy.ts'
import { type CimdClients, createCimdClients } from '../lib/oauth/clients/cimd.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Clients that publish a metadata document (CIMD). */
    cimd: CimdClients
  }
}

export interface CimdPluginOptions {
  /** Where documents are fetched, in place of the public Internet. */
  network?: Network
}

/** Client id metadata documents, which discovery advertises and the authorization server reads. */
async function cimdPlugin(fastify: FastifyInstance, { network }: CimdPluginOptions) {
  const { config, log } = fastify
  const cimd = createCimdClients({ settings: config, log, network: network ?? openPublicNetwork(config) })
  fastify.decorate('cimd', cimd)
  fastify.addHook('onClose', async () => cimd.close())
}

export default fp(cimdPlugin, { name: 'cimd', fastify: '5.x', dependencies: ['config'] })
