import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'

/** A stand-in for Sentry's documentation: the search that `MCP_URL` names, and the pages themselves. */
export interface DocsSite {
  /** `http://127.0.0.1:port`, for `MCP_URL`. */
  url: string
  /** The searches, oldest first. */
  searches: DocsSearch[]
  /**
   * Redirects this process's requests for https://docs.sentry.io, which mcp-core fetches pages from and no setting
   * changes, to the stand-in. Returns a function that restores `fetch`.
   */
  redirectSentryDocs(): () => void
  close(): Promise<void>
}

export interface DocsSearch {
  query: string
  guide?: string
  maxResults?: number
}

interface DocsPage {
  path: string
  /** The guide it belongs to, `platform/framework`. */
  guide: string
  text: string
}

const PAGES: DocsPage[] = [
  {
    path: '/platforms/javascript/guides/nextjs.md',
    guide: 'javascript/nextjs',
    text: `# Next.js

Call \`Sentry.init\` with the DSN of your project in \`instrumentation.ts\`, once for each runtime.
Upload source maps during the build, so that stack traces show your own code.
`,
  },
  {
    path: '/platforms/python/integrations/fastapi.md',
    guide: 'python/fastapi',
    text: `# FastAPI

\`sentry_sdk.init(dsn=…)\` before the application is made is enough: the integration detects FastAPI.
Set \`traces_sample_rate\` to record spans of requests and database queries.
`,
  },
  {
    path: '/platforms/javascript/guides/node/sampling.md',
    guide: 'javascript/node',
    text: `# Sampling

\`tracesSampleRate\` is the share of transactions that is kept, from 0 to 1. \`tracesSampler\` decides for each one.
`,
  },
]

const DEFAULT_RESULTS = 3

/** Starts the documentation site on a free port of 127.0.0.1. */
export async function startDocsSite(): Promise<DocsSite> {
  const searches: DocsSearch[] = []
  const app = Fastify({ forceCloseConnections: true })

  app.post('/api/search', async (request) => {
    const search = request.body as DocsSearch
    searches.push(search)
    return { query: search.query, results: searchPages(search) }
  })
  app.get('/*', (request, reply) => {
    const page = PAGES.find(({ path }) => path === request.url)
    if (page === undefined) return reply.code(404).type('text/plain').send('Not found')
    return reply.type('text/markdown; charset=utf-8').send(page.text)
  })
  await app.listen({ host: '127.0.0.1', port: 0 })

  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  return {
    url,
    searches,
    redirectSentryDocs() {
      const original = globalThis.fetch
      globalThis.fetch = (input, init) => {
        const target = new URL(input instanceof Request ? input.url : input)
        if (target.hostname !== 'docs.sentry.io') return original(input, init)
        return original(new URL(target.pathname, url), init)
      }
      return () => {
        globalThis.fetch = original
      }
    },
    close: () => app.close(),
  }
}

/** Pages with at least one word of the query, those with the most words first. */
function searchPages({ query, guide, maxResults = DEFAULT_RESULTS }: DocsSearch) {
  const words = query.toLowerCase().split(/\W+/).filter(Boolean)
  return PAGES.filter((page) => guide === undefined || page.guide.startsWith(guide))
    .map((page) => ({ page, hits: words.filter((word) => page.text.toLowerCase().includes(word)).length }))
    .filter(({ hits }) => hits > 0)
    .toSorted((left, right) => right.hits - left.hits)
    .slice(0, maxResults)
    .map(({ page, hits }) => ({
      id: page.path,
      url: `https://docs.sentry.io${page.path.replace(/\.md$/, '/')}`,
      snippet: page.text.split('\n\n')[1]?.trim() ?? '',
      relevance: hits / words.length,
    }))
}
