import { randomBytes } from 'node:crypto'
import { type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyHttpOptions, FastifyReply, FastifyRequest } from 'fastify'
import { createBasePathRemover } from './base-path.ts'
import type { Config } from './config.ts'
import { redactInput } from './mcp/redact.ts'
import { tellSeriousLine } from './telemetry/serious-lines.ts'

/**
 * How the server itself behaves, whoever makes it (`app.ts` adds how requests are logged). Input is never
 * coerced or trimmed to fit, and no request is logged with its query, which carries codes and states.
 */
export const serverOptions = {
  ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  bodyLimit: 1024 * 1024,
  // Longer than the idle time of the proxies in front, so that it is they who close a connection.
  keepAliveTimeout: 75_000,
  requestTimeout: 30_000,
  // Without its own limit, which is 60 s, Node takes the longer of the two for the whole request.
  http: { headersTimeout: 30_000, connectionsCheckingInterval: 5_000 },
  forceCloseConnections: 'idle',
  // Requests that come on a kept-alive connection while it closes are still served, not refused.
  return503OnClosing: false,
  genReqId: createRequestIds(),
  frameworkErrors: answerUnroutable,
  clientErrorHandler: answerUnreadable,
  logger: {
    level: 'info',
    redact: {
      paths: ['req.headers', 'res.headers', '*.access_token', '*.refresh_token', '*.client_secret'],
      censor: '[redacted]',
    },
    serializers: { req: serializeRequest },
  },
} satisfies FastifyHttpOptions<Server>

/** The same with what the settings say. */
export function createServerOptions(config: Config) {
  const removeBasePath = createBasePathRemover(config.BASE_URL)
  return {
    ...serverOptions,
    trustProxy: config.TRUST_PROXY.length > 0 ? config.TRUST_PROXY : false,
    rewriteUrl: ({ url }: { url?: string }) => removeBasePath(url ?? '/'),
    logger: {
      ...serverOptions.logger,
      level: config.LOG_LEVEL,
      ...(config.SENTRY_DSN !== undefined && { hooks: { logMethod: tellSeriousLine } }),
    },
  } satisfies FastifyHttpOptions<Server>
}

/** What is no HTTP, is too long to be read, or comes too slowly, is answered before there is a request. */
function answerUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const status = UNREADABLE[error.code ?? ''] ?? 400
  const body = '{"error":"invalid_request"}'
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${body.length}`,
    'x-content-type-options: nosniff',
    'connection: close',
  ]
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroy(error)
}

const UNREADABLE: Record<string, number> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }

function serializeRequest(request: FastifyRequest) {
  const [path = ''] = request.url?.split('?') ?? []
  return { method: request.method, path: path.length < 40 ? path : redactInput(path), ip: request.ip }
}

/** For an address that cannot be routed at all: Fastify's own answer would repeat it. */
function answerUnroutable(
  error: { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const isTooLong = error.statusCode === 414
  reply
    .code(isTooLong ? 404 : 400)
    .header('x-content-type-options', 'nosniff')
    .send({ error: isTooLong ? 'not_found' : 'invalid_request', request_id: request.id })
}

/** Ids that no other instance has made: a random part for the process, and a count. */
function createRequestIds(): () => string {
  const process = randomBytes(6).toString('hex')
  let count = 0
  return () => `${process}-${(count++).toString(36)}`
}
