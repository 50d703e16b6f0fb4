import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Query } from '../lib/mcp/tools/narrowing.ts'
import type { McpEndpoint } from '../lib/mcp/transport/endpoint.ts'
import { MAX_REQUEST_BYTES, readRefusal } from '../lib/mcp/transport/error-response.ts'
import { createJsonRpcError, SERVER_ERROR } from '../lib/mcp/transport/json-rpc.ts'
import type { Caller } from '../lib/model/caller.ts'

/** The resource, whole or limited to one organization or project. */
const PATHS = ['/mcp', '/mcp/:organization', '/mcp/:organization/:project']

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by a hook before an MCP route is reached. */
    caller: Caller
    /** Of the caller, for limits. Set before the grant has been read. */
    subject: string
  }
}

export interface McpRouteOptions {
  endpoint: McpEndpoint
  /** Counts a run of the AI provider for the caller. Throws `TooManyRequestsError`. */
  limitAgentRuns(request: FastifyRequest): Promise<void>
}

/**
 * `POST /mcp`, and the same for parts of Sentry (MCP, Streamable HTTP). There is no stream to GET and no session to
 * DELETE. The plugin that registers these routes authenticates their requests and handles their errors.
 */
export default async function mcpRoute(
  fastify: FastifyInstance,
  { endpoint, limitAgentRuns }: McpRouteOptions,
) {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: MAX_REQUEST_BYTES },
    fastify.getDefaultJsonParser('error', 'error'),
  )

  for (const path of PATHS) {
    fastify.post(path, { bodyLimit: MAX_REQUEST_BYTES, helmet: false }, respond)
    fastify.route({
      method: ['GET', 'HEAD', 'DELETE', 'PUT', 'PATCH'],
      url: path,
      // Before the body is parsed, so its media type cannot be wrong.
      onRequest: refuseMethod,
      handler: async () => undefined,
    })
  }

  async function respond(request: FastifyRequest, reply: FastifyReply) {
    const { caller, body, headers, id: reference, log } = request
    const query = request.query as Query
    const { signal, ended } = watchResponse(reply)
    const countAgentRun = () => limitAgentRuns(request)
    const context = { caller, headers, query, body, signal, ended, reference, log, countAgentRun }
    const response = await endpoint.respond(context)
    if (response.status >= 400) request.refusal = readRefusal(response)
    if (Array.isArray(response.body))
      return sendPieces(reply, response.status, response.headers, response.body)
    return reply.code(response.status).headers(response.headers).send(response.body)
  }
}

/**
 * Sends prepared pieces as one write. Fastify sends a stream or one buffer; joining a hundred kilobytes, or wrapping them
 * in a stream, would take longer than the rest of the request, and we know of no issue of Fastify's about it. The reply
 * is hijacked, so `onSend` hooks do not run: a header of every response has to be set in an `onRequest` hook.
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

const ENDED = 'the response has ended'

async function refuseMethod(_request: FastifyRequest, reply: FastifyReply) {
  return reply.code(405).header('allow', 'POST').send(createJsonRpcError(SERVER_ERROR, 'Method not allowed.'))
}

/** Signals that abort when the client disconnects before it has the response, and when it has or never will. */
function watchResponse(reply: FastifyReply): { signal: AbortSignal; ended: AbortSignal } {
  const [disconnected, ended] = [new AbortController(), new AbortController()]
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) disconnected.abort()
    // With a reason of its own, since creating a `DOMException` takes longer than the rest.
    ended.abort(ENDED)
  })
  return { signal: disconnected.signal, ended: ended.signal }
}
