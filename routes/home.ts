import { readFile } from 'node:fs/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { acceptsMarkdown } from '../lib/http/accept.ts'
import { renderAgentGuide } from '../lib/pages/agent-guide.ts'
import { ARCHIVE_PATH, type ClaudePlugin, MARKETPLACE_PATH } from '../lib/pages/claude-plugin.ts'
import { renderHomePage } from '../lib/pages/home-page.ts'
import type { Site } from '../lib/pages/layout.ts'
import { readSetUp } from '../lib/pages/set-up.ts'

export interface HomeOptions {
  baseUrl: string
  site: Site
  claudePlugin: ClaudePlugin | undefined
}

const ICON = new URL('../lib/pages/icon.png', import.meta.url)

/** More than a slug has, so that the page can say what is wrong. */
const FieldSchema = Type.Optional(Type.String({ maxLength: 200 }))

const schema = {
  querystring: Type.Object({ organization: FieldSchema, project: FieldSchema, readonly: FieldSchema }),
}

/** How to connect a client: a page for people, the same as Markdown for agents, a plugin for Claude Code, and the icon. */
const homeRoute: FastifyPluginAsyncTypebox<HomeOptions> = async (
  fastify,
  { baseUrl, site, claudePlugin },
) => {
  fastify.get('/', { schema }, async (request, reply) => {
    const setUp = readSetUp(request.query, baseUrl)
    reply.header('cache-control', 'public, max-age=300').header('vary', 'Accept')
    return acceptsMarkdown(request.headers.accept)
      ? reply.type('text/markdown; charset=utf-8').send(renderAgentGuide(setUp, site))
      : reply.type('text/html; charset=utf-8').send(renderHomePage(setUp, site))
  })

  const guide = renderAgentGuide(readSetUp({}, baseUrl), site)
  // Not text/markdown, which a browser would download.
  fastify.get('/llms.txt', async (_request, reply) =>
    reply.header('cache-control', 'public, max-age=300').type('text/plain; charset=utf-8').send(guide),
  )

  if (claudePlugin !== undefined) {
    fastify.get(MARKETPLACE_PATH, async (_request, reply) =>
      reply.header('cache-control', 'no-cache').send(claudePlugin.marketplace),
    )
    fastify.get(ARCHIVE_PATH, async (_request, reply) =>
      reply.header('cache-control', 'no-cache').type('application/zip').send(claudePlugin.archive),
    )
  }

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

export default homeRoute
