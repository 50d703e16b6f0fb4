import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createSealer, type Sealer } from '../lib/crypto/sealer.ts'
import { createSigner, type Signer } from '../lib/crypto/signer.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Encrypts stored data with the keys of ENCRYPTION_KEY. */
    sealer: Sealer
    /** Signs tokens and client ids with the keys of JWT_SIGNING_KEY. */
    signer: Signer
  }
}

async function cryptoPlugin(fastify: FastifyInstance) {
  fastify.decorate('sealer', createSealer(fastify.config.ENCRYPTION_KEY))
  fastify.decorate('signer', createSigner(fastify.config.JWT_SIGNING_KEY))
}

export default fp(cryptoPlugin, { name: 'crypto', fastify: '5.x', dependencies: ['config'] })
