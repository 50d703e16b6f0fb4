import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { acceptsPage } from '../lib/http/accept.ts'
import { readAddressRange } from '../lib/http/address-range.ts'
import { createOriginPolicy } from '../lib/http/origin.ts'
import { RefusedRequestError, sendErrorResponse } from '../lib/mcp/transport/error-response.ts'
import { countToolCalls, MAX_BATCH } from '../lib/mcp/transport/request.ts'
import { createResource, type Resource, spellResource } from '../lib/model/resource.ts'
import { createAuthentication } from '../lib/oauth/resource/authentication.ts'
import { renderMcpPage, renderNotFoundPage } from '../lib/pages/error-page.ts'
import mcpRoute from '../routes/mcp.ts'

interface ResourcePath {
  organization?: string
  project?: string
}

interface ResourceRoute {
  Params: ResourcePath
}

/**
 * The protected resources. A request is authenticated before anything else of it is checked, so a client that probes
 * with any method or revision learns where to sign in.
 */
async function mcpTransportPlugin(fastify: FastifyInstance) {
  const { config, store, signer, sentryLocation: sentry, audit, mcp, site } = fastify
  const { sentryTokens, sentryApi } = fastify
  const authenticate = createAuthentication({
    ...{ settings: config, store, signer, audit },
    ...{ sentryTokens, sentry, sentryApi },
  })
  // Counts look-ups only: the user of a token is cached, so machines behind one address do not limit each other.
  const limitLookUps = fastify.limitRequests({
    name: 'sentry-bearer',
    max: config.RATE_LIMIT_OAUTH,
    identify: ({ ip }) => readAddressRange(ip),
  })
  const isAllowedOrigin = createOriginPolicy(config)
  const pages = new Map([
    [401, renderMcpPage(site)],
    [404, renderNotFoundPage(site)],
  ])

  const identify = ({ subject }: FastifyRequest) => subject
  const limitCalls = fastify.limitRequests({ name: 'mcp', max: config.RATE_LIMIT_MCP, identify })
  const limitAgentRuns = fastify.limitRequests({ name: 'ai', max: config.RATE_LIMIT_AI, identify })

  fastify.decorateRequest('caller')
  fastify.decorateRequest('subject', '')
  fastify.addHook<ResourceRoute>('onRequest', async (request, reply) => {
    // In this hook and not in `onSend`, which routes/mcp.ts bypasses for `tools/list`.
    reply.header('x-content-type-options', 'nosniff')
    const { authorization, origin } = request.headers
    const resource = findResource(request)
    if (resource === undefined) throw new RefusedRequestError(404, 'There is no such resource.')
    request.caller = await authenticate({
      authorization,
      resource,
      source: request,
      limitLookUps: () => limitLookUps(request),
      limitUser(subject) {
        request.subject = subject
        return limitCalls(request)
      },
    })
    request.client = { id: request.caller.clientId, name: request.caller.clientName }
    if (origin !== undefined && !isAllowedOrigin(origin)) {
      throw new RefusedRequestError(403, 'Requests from this origin are not allowed.')
    }
  })
  // The request itself was counted before its body was read; the other calls of a batch count as well.
  fastify.addHook('preHandler', async (request) => {
    const calls = Math.min(countToolCalls(request.body), MAX_BATCH)
    for (let counted = 1; counted < calls; counted += 1) await limitCalls(request)
  })
  fastify.setErrorHandler<Error>((error, request, reply) =>
    sendErrorResponse(error, reply, {
      resource: spellResource(findResource(request), request.url),
      scope: config.SENTRY_SCOPES,
      log: request.log,
      renderPage: isFromBrowser(request) ? (status) => pages.get(status) : undefined,
    }),
  )
  await fastify.register(mcpRoute, { endpoint: mcp, limitAgentRuns })

  function findResource({ params }: FastifyRequest): Resource | undefined {
    const { organization, project } = params as ResourcePath
    return createResource(config.BASE_URL, organization, project)
  }
}

/** A user opened the address in a browser. Clients, which may GET it as well, do not accept HTML. */
function isFromBrowser({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && acceptsPage(headers.accept)
}

export default fp(mcpTransportPlugin, {
  name: 'mcp-transport',
  fastify: '5.x',
  encapsulate: true,
  dependencies: [
    'config',
    'pages',
    'request-log',
    'redis',
    'crypto',
    'audit',
    'metrics',
    'sentry',
    'security',
    'rate-limit',
    'tools',
  ],
})
