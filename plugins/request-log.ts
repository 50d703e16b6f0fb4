import { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import fp from 'fastify-plugin'

/** One line a request, written at its end. Fastify's own has two, and a third with the query of unknown URLs. */
export class RequestLog extends LogController {
  override incomingRequest(): void {}

  override routeNotFound(): void {}

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const line = { req: request, status: reply.statusCode, duration_ms: Math.round(reply.elapsedTime) }
    if (error) request.log.error({ ...line, err: error }, 'client disconnected')
    else request.log.info(line, 'request')
  }
}

/** The responses to unknown paths, and to errors without a handler of their endpoint. */
async function requestLogPlugin(fastify: FastifyInstance) {
  fastify.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: 'not_found', request_id: request.id }),
  )

  fastify.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 500
    if (status === 500) request.log.error({ err: error }, 'request failed')
    return reply
      .code(status)
      .send({ error: status === 500 ? 'server_error' : 'invalid_request', request_id: request.id })
  })
}

export default fp(requestLogPlugin, { name: 'request-log', fastify: '5.x' })
