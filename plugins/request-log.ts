import { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import fp from 'fastify-plugin'
import { acceptsPage } from '../lib/http/accept.ts'
import { renderErrorPage, renderNotFoundPage } from '../lib/pages/error-page.ts'
import { describeRequest, type Refusal, type RequestClient } from '../lib/telemetry/request-line.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The client that the request comes from, set as soon as it is known. */
    client: RequestClient | undefined
    /** Set by the endpoint that refuses the request. */
    refusal: Refusal | undefined
  }
}

/** One line a request, written at its end, with the reason of a refusal. Fastify's own has two, and a third with the query of unknown URLs. */
export class RequestLog extends LogController {
  override incomingRequest(): void {}

  override routeNotFound(): void {}

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const line = {
      req: request,
      status: reply.statusCode,
      duration_ms: Math.round(reply.elapsedTime),
      ...describeRequest(request.client, request.refusal),
    }
    if (error) request.log.error({ ...line, err: error }, 'client disconnected')
    else request.log.info(line, 'request')
  }
}

/** The responses to unknown paths, and to errors without a handler of their endpoint: pages for browsers, else JSON. */
async function requestLogPlugin(fastify: FastifyInstance) {
  const { site } = fastify
  const notFoundPage = renderNotFoundPage(site)
  fastify.decorateRequest('client')
  fastify.decorateRequest('refusal')

  fastify.setNotFoundHandler((request, reply) => {
    reply.code(404)
    return acceptsPage(request.headers.accept)
      ? reply.type('text/html; charset=utf-8').send(notFoundPage)
      : reply.send({ error: 'not_found', request_id: request.id })
  })

  fastify.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 500
    if (status === 500) request.log.error({ err: error }, 'request failed')
    reply.code(status)
    if (!acceptsPage(request.headers.accept)) {
      const code = status === 500 ? 'server_error' : 'invalid_request'
      return reply.send({ error: code, request_id: request.id })
    }
    const [sentence, advice] =
      status === 500
        ? ['Something went wrong.', 'Reload this page, or try again later.']
        : ['The request is malformed.', 'Open the address again, without changes of your own.']
    const page = renderErrorPage({ sentence, advice, requestId: request.id }, site)
    return reply.type('text/html; charset=utf-8').send(page)
  })
}

export default fp(requestLogPlugin, { name: 'request-log', fastify: '5.x', dependencies: ['pages'] })
