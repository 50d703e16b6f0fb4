import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'

/** A request as the stand-in received it. */
export interface ReceivedRequest {
  method: string
  path: string
  query: Record<string, unknown>
  headers: IncomingHttpHeaders
  /** The bearer token it carried. */
  token: string | undefined
  /** The parsed body: the form of an OAuth request, secrets and all, or the JSON of an API call. */
  body: Record<string, unknown>
  /** Undefined until a response is sent, also where a connection is reset. */
  status: number | undefined
}

/** A response of the API with the request that it belongs to. */
export interface SentResponse {
  method: string
  /** With its parameters, `/api/0/organizations/:organization/`. */
  route: string
  /** As it was requested, with the query. */
  url: string
  status: number
  /** Undefined for a stream. */
  text: string | undefined
}

/** Records every request to the routes that are registered afterwards. `onResponse` is told what the API responds. */
export function registerRequestLog(
  app: FastifyInstance,
  onResponse?: (response: SentResponse) => void,
): ReceivedRequest[] {
  const received: ReceivedRequest[] = []
  const entries = new WeakMap<object, ReceivedRequest>()

  app.addHook('onRequest', async (request) => {
    const [path = ''] = request.url.split('?')
    const entry: ReceivedRequest = {
      method: request.method,
      path,
      query: request.query as Record<string, unknown>,
      headers: request.headers,
      token: readBearerToken(request.headers.authorization),
      body: {},
      status: undefined,
    }
    received.push(entry)
    entries.set(request, entry)
  })
  app.addHook('preHandler', async (request) => {
    const entry = entries.get(request)
    if (entry !== undefined) entry.body = (request.body ?? {}) as Record<string, unknown>
  })
  if (onResponse !== undefined) {
    app.addHook('onSend', async ({ method, url, routeOptions }, { statusCode }, payload) => {
      const text = typeof payload === 'string' ? payload : undefined
      onResponse({ method, route: routeOptions.url ?? '', url, status: statusCode, text })
    })
  }
  app.addHook('onResponse', async (request, reply) => {
    const entry = entries.get(request)
    if (entry !== undefined && reply.raw.writableFinished) entry.status = reply.statusCode
  })

  return received
}

export function readBearerToken(header: string | undefined): string | undefined {
  return /^bearer (\S+)$/i.exec(header ?? '')?.[1]
}
