import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createSite, type Site } from '../lib/pages/layout.ts'
import { createSentryLocation } from '../lib/upstream/location.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What every page says about this server. */
    site: Site
  }
}

/** What the pages of all endpoints have in common. */
async function pagesPlugin(fastify: FastifyInstance) {
  const { config } = fastify
  fastify.decorate('site', createSite(config, createSentryLocation(config).host))
}

export default fp(pagesPlugin, { name: 'pages', fastify: '5.x', dependencies: ['config'] })
