import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { type Config, loadConfig } from '../lib/config/load.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The settings, parsed and checked. */
    config: Config
  }
}

export interface ConfigOptions {
  /** Settings that are already loaded; without them the environment is read. */
  config?: Config
}

async function configPlugin(fastify: FastifyInstance, options: ConfigOptions) {
  fastify.decorate('config', options.config ?? loadConfig(process.env))
}

export default fp(configPlugin, { name: 'config', fastify: '5.x' })
