import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { VERSION } from '../lib/config/version.ts'
import { readAddressRange } from '../lib/http/address-range.ts'
import { createOriginPolicy } from '../lib/http/origin.ts'
import type { ToolRegistry } from '../lib/mcp/core/types.ts'
import { openMcp } from '../lib/mcp/open.ts'
import { RefusedRequestError, sendErrorResponse } from '../lib/mcp/transport/error-response.ts'
import { countToolCalls, MAX_BATCH } from '../lib/mcp/transport/request.ts'
import type { Caller } from '../lib/model/caller.ts'
import { createResource, type Resource, spellResource } from '../lib/model/resource.ts'
import { createAuthentication } from '../lib/oauth/resource/authentication.ts'
import { createChallenge } from '../lib/oauth/resource/challenge.ts'
import { createToolCallRecorder } from '../lib/telemetry/tool-calls.ts'
import mcpRoute from '../routes/mcp.ts'

export interface McpTransportOptions {
  /** Replaces Sentry's tools. */
  tools?: ToolRegistry
}

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
async function mcpTransportPlugin(fastify: FastifyInstance, { tools }: McpTransportOptions) {
  const { config, store, signer, sentryLocation: sentry, audit, metrics, tracing } = fastify
  const { sentryTokens, sentryApi } = fastify
  const authenticate = createAuthentication({
    ...{ settings: config, store, signer, audit },
    ...{ sentryTokens, sentry, sentryApi },
  })
  const endpoint = await openMcp({
    settings: config,
    sentry,
    version: VERSION,
    log: fastify.log,
    calls: createToolCallRecorder({
      metrics,
      tracing,
      hashSubject: (subject) => audit.hashIdentifiers({ subject }).subject_hash,
    }),
    challengeScope,
    tools,
  })
  // Counts look-ups only: the user of a token is cached, so machines behind one address do not limit each other.
  const limitLookUps = fastify.limitRequests({
    name: 'sentry-bearer',
    max: config.RATE_LIMIT_OAUTH,
    identify: ({ ip }) => readAddressRange(ip),
  })
  const isAllowedOrigin = createOriginPolicy(config)

  fastify.decorateRequest('caller')
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
    })
    if (origin !== undefined && !isAllowedOrigin(origin)) {
      throw new RefusedRequestError(403, 'Requests from this origin are not allowed.')
    }
  })
  const identify = ({ caller }: FastifyRequest) => caller.subject
  const limitCalls = fastify.limitRequests({ name: 'mcp', max: config.RATE_LIMIT_MCP, identify })
  const limitAgentRuns = fastify.limitRequests({ name: 'ai', max: config.RATE_LIMIT_AI, identify })
  fastify.addHook('onRequest', limitCalls)
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
    }),
  )
  await fastify.register(mcpRoute, { endpoint, limitAgentRuns })

  function findResource({ params }: FastifyRequest): Resource | undefined {
    const { organization, project } = params as ResourcePath
    return createResource(config.BASE_URL, organization, project)
  }

  /** Asks for a wider grant of the same resource. */
  function challengeScope(wanted: readonly string[], { constraints }: Caller): string {
    const resource = createResource(config.BASE_URL, constraints.organizationSlug, constraints.projectSlug)
    if (resource === undefined)
      throw new TypeError('The constraints of the caller are not those of a resource.')
    return createChallenge({ resource, scope: wanted, error: 'insufficient_scope' })
  }
}

export default fp(mcpTransportPlugin, {
  name: 'mcp-transport',
  fastify: '5.x',
  encapsulate: true,
  dependencies: [
    'config',
    'redis',
    'crypto',
    'audit',
    'metrics',
    'tracing',
    'sentry',
    'security',
    'rate-limit',
  ],
})
