import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Accounts, ApiToken } from './accounts.ts'
import { type ApiCall, ApiFailure, ApiResponse, type ApiRoute, createForbidden, List } from './api-call.ts'
import { exploreRoutes } from './api-explore.ts'
import { issueRoutes } from './api-issues.ts'
import { monitoringRoutes } from './api-monitoring.ts'
import { organizationRoutes } from './api-organization.ts'
import { projectRoutes } from './api-projects.ts'
import { recordingRoutes } from './api-recordings.ts'
import { createSeerRoutes } from './api-seer.ts'
import { traceRoutes } from './api-traces.ts'
import type { SentryData } from './data.ts'
import type { Place } from './place.ts'
import type { ReleaseBehaviour } from './releases.ts'
import { readBearerToken } from './request-log.ts'
import { SearchError } from './search.ts'

export interface ApiOptions {
  accounts: Accounts
  data: SentryData
  organizationId: string | undefined
  release: ReleaseBehaviour
  place: Place
  /** How often Seer responds `processing` before it is done. */
  seerPolls: number
}

const DEFAULT_PAGE = 100

/** Sentry's API below `/api/0`, encapsulated with an error handler of its own. */
export function registerApi(app: FastifyInstance, options: ApiOptions): void {
  app.register(
    async (api) => {
      const challenge = `Bearer realm="api"${options.release.has('bearer errors') ? ', error="invalid_token"' : ''}`
      api.setErrorHandler((error: FastifyError, _request, reply) => sendError(error, reply, challenge))
      // Where a thing is missing there is a reason in JSON; where the route is missing there is nothing.
      api.setNotFoundHandler((_request, reply) => reply.code(404).send())
      const routes = [
        ...organizationRoutes,
        ...projectRoutes,
        ...issueRoutes,
        ...exploreRoutes,
        ...traceRoutes,
        ...monitoringRoutes,
        ...recordingRoutes,
        ...createSeerRoutes(options.seerPolls),
      ]
      for (const route of routes) registerRoute(api, route, options)
    },
    { prefix: '/api/0' },
  )
}

function registerRoute(
  app: FastifyInstance,
  route: ApiRoute,
  { accounts, data, organizationId, release, place }: ApiOptions,
): void {
  const obstacle = release.findObstacle(route.method, route.path)
  app.route({
    method: route.method,
    url: route.path,
    handler: (request, reply) => {
      if (obstacle === 'empty 404') return reply.code(404).send()
      const caller = authenticate(request, accounts)
      if (caller instanceof ApiFailure) {
        if (route.isOpen) return reply.code(400).send()
        throw caller
      }
      if (caller.organization !== undefined && route.isOpen) return reply.code(400).send()
      const isAllowed =
        route.scopes.length === 0 || route.scopes.some((scope) => caller.scope.includes(scope))
      if (!isAllowed) throw createForbidden()
      if (obstacle === 'empty 400') return reply.code(400).send()
      if (obstacle === 'refused 403') throw new ApiFailure(403, 'Feature not enabled')
      if (obstacle === 'error 500') return reply.code(500).send({ detail: 'Internal Error', errorId: null })
      const call: ApiCall = {
        params: request.params as Record<string, string>,
        query: new URL(request.url, 'http://sentry').searchParams,
        body: (request.body ?? {}) as Record<string, unknown>,
        data,
        caller,
        organizationId,
        release,
        place,
        host: request.host,
        origin: place.getOrigin(request.host),
      }
      return respond(reply, obstacle === 'no data' ? [] : route.handle(call), call)
    },
  })
}

/** A token that was revoked, replaced or never issued is invalid; one whose time is over has expired. */
function authenticate(request: FastifyRequest, accounts: Accounts): ApiToken | ApiFailure {
  const token = readBearerToken(request.headers.authorization)
  if (token === undefined) return new ApiFailure(401, 'Authentication credentials were not provided.')
  const found = accounts.findToken(token)
  if (found === undefined) return new ApiFailure(401, 'Invalid token')
  if (found.expiresAt !== undefined && found.expiresAt <= Date.now())
    return new ApiFailure(401, 'Token expired')
  return found
}

function respond(reply: FastifyReply, result: unknown, call: ApiCall): FastifyReply {
  if (result instanceof ApiResponse)
    return reply.code(result.status).headers(result.headers).send(result.body)
  return reply.send(result instanceof List ? takePage(reply, result, call) : result)
}

/** One page of a list, its neighbours in the `Link` header. A cursor is `0:offset:is_previous`, as at Sentry. */
function takePage(reply: FastifyReply, { items }: List, { query, host }: ApiCall): unknown[] {
  const size = Number(query.get('per_page') ?? query.get('limit') ?? DEFAULT_PAGE)
  const offset = Number(query.get('cursor')?.split(':')[1] ?? 0)
  const link = (rel: 'previous' | 'next', at: number, hasResults: boolean) => {
    const cursor = `0:${at}:${rel === 'previous' ? 1 : 0}`
    const params = new URLSearchParams(query)
    params.set('cursor', cursor)
    const [path = ''] = reply.request.url.split('?')
    // Django builds these from the request, not from the url-prefix.
    return `<http://${host}${path}?${params}>; rel="${rel}"; results="${hasResults}"; cursor="${cursor}"`
  }
  const previous = link('previous', Math.max(0, offset - size), offset > 0)
  const next = link('next', offset + size, offset + size < items.length)
  reply.header('link', `${previous}, ${next}`)
  return items.slice(offset, offset + size)
}

function sendError(error: FastifyError, reply: FastifyReply, challenge: string): FastifyReply {
  if (error instanceof ApiFailure) {
    if (error.status === 401) reply.header('www-authenticate', challenge)
    return reply.code(error.status).send(error.body)
  }
  if (error instanceof SearchError) return reply.code(400).send({ detail: error.message })
  return reply.code(error.statusCode ?? 500).send({ detail: error.message })
}
