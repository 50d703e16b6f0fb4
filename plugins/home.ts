import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createClaudePlugin } from '../lib/pages/claude-plugin.ts'
import homeRoute from '../routes/home.ts'

/** The set-up page, for people and for agents. It is the same for every user and needs neither the store nor Sentry. */
async function homePlugin(fastify: FastifyInstance) {
  const { config, site } = fastify
  const { BASE_URL: baseUrl, SERVER_NAME: serverName } = config
  const { title, sentryHost } = site
  const claudePlugin = createClaudePlugin({ baseUrl, serverName, title, sentryHost })
  await fastify.register(homeRoute, { baseUrl, site, claudePlugin })
}

export default fp(homePlugin, {
  name: 'home',
  fastify: '5.x',
  encapsulate: true,
  dependencies: ['config', 'pages', 'security'],
})
