import { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import fp from 'fastify-plugin'

/** One line a request, written when it ends; the default would write two, and the URL with its query in a third. */
export class RequestLog extends LogController {
  override incomingRequest(): void {}

  override routeNotFound(): void {}

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const line = { req: request, status: reply.statusCode, duration: Math.round(reply.elapsedTime) }
    if (error) request.log.error({ ...line, err: error }, 'request broke off')
    else request.log.info(line, 'request')
  }
}

/** The answers that no endpoint gives: for a path nobody has, and for an error no endpoint's own handler took. */
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
