import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Accounts, ApiToken } from './accounts.ts'
import { Answer, type ApiCall, ApiFailure, type ApiRoute, createForbidden, List } from './api-call.ts'
import { createSeerRoutes, exploreRoutes } from './api-explore.ts'
import { issueRoutes } from './api-issues.ts'
import { organizationRoutes } from './api-organization.ts'
import type { SentryData } from './data.ts'
import { readBearerToken } from './request-log.ts'
import { SearchError } from './search.ts'

export interface ApiOptions {
  accounts: Accounts
  data: SentryData
  organizationId: string | undefined
  /** How often Seer answers `processing` before it is done. */
  seerPolls: number
}

const DEFAULT_PAGE = 100

/** Sentry's API below `/api/0`, encapsulated with an error handler of its own. */
export function registerApi(app: FastifyInstance, options: ApiOptions): void {
  app.register(
    async (api) => {
      api.setErrorHandler(answerError)
      api.setNotFoundHandler((_request, reply) =>
        reply.code(404).send({ detail: 'The requested resource does not exist' }),
      )
      const routes = [
        ...organizationRoutes,
        ...issueRoutes,
        ...exploreRoutes,
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
  { accounts, data, organizationId }: ApiOptions,
): void {
  app.route({
    method: route.method,
    url: route.path,
    handler: (request, reply) => {
      const caller = authenticate(request, accounts)
      if (caller instanceof ApiFailure) {
        if (route.isOpen) return reply.code(400).send()
        throw caller
      }
      const isAllowed =
        route.scopes.length === 0 || route.scopes.some((scope) => caller.scope.includes(scope))
      if (!isAllowed) throw createForbidden()
      const call: ApiCall = {
        params: request.params as Record<string, string>,
        query: new URL(request.url, 'http://sandbox').searchParams,
        body: (request.body ?? {}) as Record<string, unknown>,
        data,
        caller,
        organizationId,
        origin: `http://${request.host}`,
      }
      return answer(reply, route.handle(call), call)
    },
  })
}

/** A token that was revoked, replaced or never issued is unknown; one that has ended is said to have ended. */
function authenticate(request: FastifyRequest, accounts: Accounts): ApiToken | ApiFailure {
  const token = readBearerToken(request.headers.authorization)
  if (token === undefined) return new ApiFailure(401, 'Authentication credentials were not provided.')
  const found = accounts.findToken(token)
  if (found === undefined) return new ApiFailure(401, 'Invalid token')
  if (found.expiresAt !== undefined && found.expiresAt <= Date.now())
    return new ApiFailure(401, 'Token expired')
  return found
}

function answer(reply: FastifyReply, result: unknown, call: ApiCall): FastifyReply {
  if (result instanceof Answer) {
    if (result.type !== undefined) reply.type(result.type)
    return reply.code(result.status).send(result.body)
  }
  return reply.send(result instanceof List ? takePage(reply, result, call) : result)
}

/** One page of a list, its neighbours in the `Link` header. A cursor is `0:offset:is_previous`, as at Sentry. */
function takePage(reply: FastifyReply, { items }: List, { query, origin }: ApiCall): unknown[] {
  const size = Number(query.get('per_page') ?? query.get('limit') ?? DEFAULT_PAGE)
  const offset = Number(query.get('cursor')?.split(':')[1] ?? 0)
  const link = (rel: 'previous' | 'next', at: number, hasResults: boolean) => {
    const cursor = `0:${at}:${rel === 'previous' ? 1 : 0}`
    const params = new URLSearchParams(query)
    params.set('cursor', cursor)
    const [path = ''] = reply.request.url.split('?')
    return `<${origin}${path}?${params}>; rel="${rel}"; results="${hasResults}"; cursor="${cursor}"`
  }
  const previous = link('previous', Math.max(0, offset - size), offset > 0)
  const next = link('next', offset + size, offset + size < items.length)
  reply.header('link', `${previous}, ${next}`)
  return items.slice(offset, offset + size)
}

function answerError(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof ApiFailure) {
    if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="api"')
    return reply.code(error.status).send({ detail: error.message })
  }
  if (error instanceof SearchError) return reply.code(400).send({ detail: error.message })
  return reply.code(error.statusCode ?? 500).send({ detail: error.message })
}
