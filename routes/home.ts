import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { createEndpoints } from '../lib/oauth/endpoints.ts'
import { renderHomePage } from '../lib/pages/home-page.ts'

export interface HomeOptions {
  baseUrl: string
  sentryHost: string
}

const ICON = new URL('../lib/pages/icon.png', import.meta.url)

/** The set-up page, for a person who opens the address of this server in a browser, and the icon for MCP clients. */
export default async function homeRoute(fastify: FastifyInstance, { baseUrl, sentryHost }: HomeOptions) {
  const { account } = createEndpoints(baseUrl)
  const page = renderHomePage({ mcpUrl: `${baseUrl}/mcp`, account, sentryHost })

  fastify.get('/', async (_request, reply) =>
    reply.header('cache-control', 'public, max-age=300').type('text/html; charset=utf-8').send(page),
  )

  const icon = await readFile(ICON)
  fastify.get('/icon.png', async (_request, reply) =>
    reply
      .header('cache-control', 'public, max-age=86400')
      // Clients that are web applications show it on their own pages.
      .header('cross-origin-resource-policy', 'cross-origin')
      .type('image/png')
      .send(icon),
  )
}
