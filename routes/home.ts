import type { FastifyInstance } from 'fastify'
import { createEndpoints } from '../lib/oauth/endpoints.ts'
import { renderHomePage } from '../lib/pages/home-page.ts'

export interface HomeOptions {
  baseUrl: string
  sentryHost: string
}

/** The set-up page, for a person who opens the address of this server in a browser. */
export default async function homeRoute(fastify: FastifyInstance, { baseUrl, sentryHost }: HomeOptions) {
  const { account } = createEndpoints(baseUrl)
  const page = renderHomePage({ mcpUrl: `${baseUrl}/mcp`, account, sentryHost })

  fastify.get('/', async (_request, reply) =>
    reply.header('cache-control', 'public, max-age=300').type('text/html; charset=utf-8').send(page),
  )
}
