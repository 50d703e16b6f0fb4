import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Network } from '../lib/net/network.ts'
import { openPublicNetwork } from '../lib/net/outgoing-proxy.ts'
import { type ClientDocuments, createClientDocuments } from '../lib/oauth/clients/cimd.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Clients that are known by a document of theirs. */
    clientDocuments: ClientDocuments
  }
}

export interface ClientDocumentsPluginOptions {
  /** Another way to documents than the public Internet. */
  network?: Network
}

/** Discovery says whether clients may come with a document, and the authorization server reads it. */
async function clientDocumentsPlugin(fastify: FastifyInstance, { network }: ClientDocumentsPluginOptions) {
  const { config, log } = fastify
  const clientDocuments = createClientDocuments({
    config,
    log,
    network: network ?? openPublicNetwork(config),
  })
  fastify.decorate('clientDocuments', clientDocuments)
  fastify.addHook('onClose', async () => clientDocuments.close())
}

export default fp(clientDocumentsPlugin, {
  name: 'client-documents',
  fastify: '5.x',
  dependencies: ['config'],
})
