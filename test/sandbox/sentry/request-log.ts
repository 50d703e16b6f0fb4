import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'

/** A request as the sandbox's Sentry received it. */
export interface ReceivedRequest {
  method: string
  path: string
  query: Record<string, unknown>
  headers: IncomingHttpHeaders
  /** The bearer token it carried. */
  token: string | undefined
  /** The parsed body: the form of an OAuth request, secrets and all, or the JSON of an API call. */
  body: Record<string, unknown>
  /** Undefined while no answer went out, which is also what a reset connection leaves. */
  status: number | undefined
}

/** Writes down every request to whatever is registered afterwards. */
export function registerRequestLog(app: FastifyInstance): ReceivedRequest[] {
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
  app.addHook('onResponse', async (request, reply) => {
    const entry = entries.get(request)
    if (entry !== undefined && reply.raw.writableFinished) entry.status = reply.statusCode
  })

  return received
}

export function readBearerToken(header: string | undefined): string | undefined {
  return /^bearer (\S+)$/i.exec(header ?? '')?.[1]
}
