import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { McpEndpoint } from '../lib/mcp/transport/endpoint.ts'
import { createErrorAnswer, PARSE_ERROR, SERVER_ERROR } from '../lib/mcp/transport/json-rpc.ts'
import type { Caller } from '../lib/model/caller.ts'

/** The longest request, in bytes. */
const MAX_BODY = 1024 * 1024

/** The resource, whole or limited to one organization or project. */
const PATHS = ['/mcp', '/mcp/:organization', '/mcp/:organization/:project']

declare module 'fastify' {
  interface FastifyRequest {
    /** Whoever the access token speaks for; set before an MCP route is reached. */
    caller: Caller
  }
}

export interface McpRouteOptions {
  endpoint: McpEndpoint
}

/**
 * `POST /mcp`, and the same for parts of Sentry (MCP, Streamable HTTP). There is nothing to GET and no session to
 * DELETE, and a body that is none is answered as JSON-RPC. The access token is checked by a hook of the plugin this
 * is registered in, which also answers for what fails while a request is served.
 */
export default async function mcpRoute(fastify: FastifyInstance, { endpoint }: McpRouteOptions) {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: MAX_BODY },
    fastify.getDefaultJsonParser('error', 'error'),
  )
  fastify.setErrorHandler(answerError)

  for (const path of PATHS) {
    fastify.post(path, { bodyLimit: MAX_BODY, helmet: false }, answer)
    fastify.route({
      method: ['GET', 'HEAD', 'DELETE', 'PUT', 'PATCH'],
      url: path,
      // A body has no meaning here, so that its media type cannot be the wrong one.
      onRequest: refuseMethod,
      handler: async () => undefined,
    })
  }

  async function answer(request: FastifyRequest, reply: FastifyReply) {
    const { caller, body, headers, id: reference, log } = request
    const signal = watchClient(reply)
    const answered = await endpoint.answer({ headers, body, signal, reference, log }, caller)
    if (Array.isArray(answered.body))
      return sendPieces(reply, answered.status, answered.headers, answered.body)
    return reply.code(answered.status).headers(answered.headers).send(answered.body)
  }
}

/**
 * Sends the pieces as they are, around Fastify, which takes a stream or one buffer: joining a hundred kilobytes, or
 * making a stream of them, would take longer than everything else about the answer.
 */
function sendPieces(reply: FastifyReply, status: number, headers: Record<string, string>, pieces: Buffer[]) {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(status, { ...reply.getHeaders(), ...headers } as OutgoingHttpHeaders)
  raw.cork()
  for (const piece of pieces) raw.write(piece)
  raw.end()
  raw.uncork()
  return reply
}

async function refuseMethod(_request: FastifyRequest, reply: FastifyReply) {
  return reply.code(405).header('allow', 'POST').send(createErrorAnswer(SERVER_ERROR, 'Method not allowed.'))
}

/** A signal that ends when the client goes away before it has its answer. */
function watchClient(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort()
  })
  return controller.signal
}

/** Answers what is wrong with a body; anything else is for the plugin around to answer. */
function answerError(error: FastifyError, _request: FastifyRequest, reply: FastifyReply) {
  if (error.statusCode === 400) {
    return reply.code(400).send(createErrorAnswer(PARSE_ERROR, 'Parse error: the body is not valid JSON.'))
  }
  if (error.statusCode === 413) {
    const message = `Payload too large: a request may have ${MAX_BODY} bytes.`
    return reply.code(413).send(createErrorAnswer(SERVER_ERROR, message))
  }
  if (error.statusCode === 415) {
    const message = 'Unsupported media type: Content-Type must be application/json.'
    return reply.code(415).send(createErrorAnswer(SERVER_ERROR, message))
  }
  throw error
}
