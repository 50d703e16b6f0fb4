import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { VERSION } from '../lib/config/version.ts'
import { TransientError } from '../lib/errors.ts'
import { readAddressRange } from '../lib/http/address-range.ts'
import { isAllowedOrigin } from '../lib/http/origin.ts'
import type { ToolRegistry } from '../lib/mcp/core/types.ts'
import { openMcp } from '../lib/mcp/open.ts'
import { createErrorAnswer, INTERNAL_ERROR, SERVER_ERROR } from '../lib/mcp/transport/json-rpc.ts'
import type { Caller } from '../lib/model/caller.ts'
import { createResource, type Resource } from '../lib/model/resource.ts'
import { TooManyRequestsError } from '../lib/oauth/errors.ts'
import {
  authenticateBearer,
  InsufficientGrantError,
  MissingTokenError,
  readBearerToken,
} from '../lib/oauth/resource/bearer.ts'
import { type Challenge, createChallenge } from '../lib/oauth/resource/challenge.ts'
import {
  ConstraintNotFoundError,
  ConstraintSignInError,
  createConstraintCheck,
} from '../lib/oauth/resource/constraints.ts'
import {
  createTokenPassthrough,
  readSentryToken,
  UnknownSkillError,
} from '../lib/oauth/resource/sentry-bearer.ts'
import { InvalidTokenError } from '../lib/oauth/token/access-token.ts'
import { createToolCallRecorder } from '../lib/telemetry/tool-calls.ts'
import { createSentryDirectory, isCloudHost } from '../lib/upstream/api.ts'
import mcpRoute from '../routes/mcp.ts'

export interface McpTransportOptions {
  /** Other tools than Sentry's. */
  tools?: ToolRegistry
}

/**
 * The protected resources: who calls is settled before anything else of a request is looked at, so that clients
 * which probe with any method or revision learn where to sign in.
 */
async function mcpTransportPlugin(fastify: FastifyInstance, { tools }: McpTransportOptions) {
  const { config, store, signer, upstream, audit, metrics, tracing } = fastify
  const scope = config.SENTRY_SCOPES
  const base = new URL(config.BASE_URL)
  const endpoint = await openMcp({
    settings: config,
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
  const sentryOrigin = `${config.SENTRY_PROTOCOL}://${config.SENTRY_HOST}`
  const constraints = createConstraintCheck(
    createSentryDirectory(sentryOrigin),
    isCloudHost(config.SENTRY_HOST),
  )

  const passthrough = config.SENTRY_TOKEN_PASSTHROUGH ? createTokenPassthrough({ config, audit }) : undefined
  // Only a token that is new or was refused a while ago counts, so that machines behind one address work on.
  const limitLookUps = fastify.limitRequests({
    name: 'sentry-bearer',
    max: config.RATE_LIMIT_OAUTH,
    identify: ({ ip }) => readAddressRange(ip),
  })

  fastify.decorateRequest('caller')
  fastify.addHook<{ Params: ResourcePath; Querystring: ResourceQuery }>(
    'onRequest',
    async (request, reply) => {
      // Answers are never pages, whichever of the many places below they come from.
      reply.header('x-content-type-options', 'nosniff')
      const resource = findResource(request)
      if (resource === undefined) {
        return reply.code(404).send(createErrorAnswer(SERVER_ERROR, 'There is no such resource.'))
      }
      const caller = await authenticate(request, resource)
      request.caller = { ...caller, constraints: await constraints.resolve(resource, caller) }
      const { origin } = request.headers
      if (origin !== undefined && !isAllowedOrigin(origin, base)) {
        return reply
          .code(403)
          .send(createErrorAnswer(SERVER_ERROR, 'Requests from this origin are not allowed.'))
      }
    },
  )
  const limit = {
    name: 'mcp',
    max: config.RATE_LIMIT_MCP,
    identify: ({ caller }: FastifyRequest) => caller.subject,
  }
  fastify.addHook('onRequest', fastify.limitRequests(limit))
  fastify.setErrorHandler(answerFailure)
  await fastify.register(mcpRoute, { endpoint })

  /** By an access token of ours or, where the operator allows it, by one of Sentry's. */
  function authenticate(
    request: FastifyRequest<{ Querystring: ResourceQuery }>,
    resource: Resource,
  ): Promise<Caller> {
    const { authorization } = request.headers
    const sentryToken = readSentryToken(authorization)
    if (passthrough !== undefined && sentryToken !== undefined) {
      const { skills } = request.query
      return passthrough.authenticate(sentryToken, {
        resource,
        skills,
        source: request,
        limitLookUps: () => limitLookUps(request),
      })
    }
    const token = readBearerToken(authorization)
    return authenticateBearer(token, resource, { config, store, signer, upstream })
  }

  /** Whatever settles who calls, or opens the caller's access to Sentry, may fail in these ways. */
  function answerFailure(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (error instanceof MissingTokenError) {
      return challenge(reply, 401, error.message, { resource: nameResource(request), scope })
    }
    if (error instanceof InvalidTokenError || error instanceof ConstraintSignInError) {
      request.log.debug({ err: error }, 'token refused')
      return challenge(reply, 401, error.message, describeRefusal('invalid_token', error, request))
    }
    if (error instanceof InsufficientGrantError) {
      return challenge(reply, 403, error.message, describeRefusal('insufficient_scope', error, request))
    }
    if (error instanceof UnknownSkillError) {
      return reply.code(400).send(createErrorAnswer(SERVER_ERROR, error.message))
    }
    if (error instanceof ConstraintNotFoundError) {
      return reply.code(403).send(createErrorAnswer(SERVER_ERROR, error.message))
    }
    if (error instanceof TooManyRequestsError) {
      return reply
        .code(error.status)
        .header('retry-after', error.retryAfter)
        .send(createErrorAnswer(SERVER_ERROR, error.message))
    }
    return error instanceof TransientError
      ? answerUnavailable(error, request, reply)
      : answerFault(error, request, reply)
  }

  function describeRefusal(code: Challenge['error'], { message }: Error, request: FastifyRequest): Challenge {
    return { resource: nameResource(request), scope, error: code, description: message }
  }

  function findResource({ params }: FastifyRequest): Resource | undefined {
    const { organization, project } = params as ResourcePath
    return createResource(config.BASE_URL, organization, project)
  }

  /** Of a request whose resource has been seen to be one. */
  function nameResource(request: FastifyRequest): Resource {
    const resource = findResource(request)
    if (resource === undefined) throw new TypeError('A request got past the check of its resource.')
    return resource
  }

  /** Asks for a wider grant of the same resource. */
  function challengeScope(wanted: readonly string[], { constraints: limits }: Caller): string {
    const resource = createResource(config.BASE_URL, limits.organizationSlug, limits.projectSlug)
    if (resource === undefined) throw new TypeError('A caller has constraints that no resource has.')
    return createChallenge({ resource, scope: wanted, error: 'insufficient_scope' })
  }
}

interface ResourcePath {
  organization?: string
  project?: string
}

interface ResourceQuery {
  skills?: string | string[]
}

function challenge(reply: FastifyReply, status: number, message: string, what: Challenge): FastifyReply {
  return reply
    .code(status)
    .header('www-authenticate', createChallenge(what))
    .header('cache-control', 'no-store')
    .send(createErrorAnswer(SERVER_ERROR, message))
}

function answerUnavailable(
  error: TransientError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  request.log.error({ err: error }, 'authentication unavailable')
  return reply
    .code(503)
    .header('retry-after', error.retryAfterSeconds)
    .send(createErrorAnswer(SERVER_ERROR, 'temporarily_unavailable: try again in a moment.'))
}

/** What Fastify finds wrong with a request is answered as everywhere; anything else is a fault of this server. */
function answerFault(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error.statusCode !== undefined && error.statusCode < 500) throw error
  request.log.error({ err: error }, 'MCP request failed')
  return reply.code(500).send(createErrorAnswer(INTERNAL_ERROR, 'Internal error.'))
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller
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
