import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../lib/config/load.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The settings, parsed and validated. */
    config: Config
  }
}

export interface ConfigOptions {
  config: Config
}

async function configPlugin(fastify: FastifyInstance, { config }: ConfigOptions) {
  fastify.decorate('config', config)
}

export default fp(configPlugin, { name: 'config', fastify: '5.x' })
