import { randomBytes } from 'node:crypto'
import { type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyHttpOptions, FastifyReply, FastifyRequest } from 'fastify'

export interface ServerSettings {
  /** Path included. */
  BASE_URL: string
  /** Addresses and CIDR ranges; none: forwarding headers are ignored. */
  TRUST_PROXY: readonly string[]
}

/**
 * Fastify's options for the HTTP server: limits and timeouts, request ids, and the responses to what never becomes
 * a request. Input is never coerced or trimmed to fit a schema.
 */
export function createServerOptions({ BASE_URL, TRUST_PROXY }: ServerSettings) {
  const removeBasePath = createBasePathRemover(BASE_URL)
  return {
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    bodyLimit: 1024 * 1024,
    // Clients add a slash to the URL that they were given; a redirect would lose the body or the credentials of some.
    routerOptions: { ignoreTrailingSlash: true },
    trustProxy: TRUST_PROXY.length > 0 ? [...TRUST_PROXY] : false,
    rewriteUrl: ({ url }: { url?: string }) => removeBasePath(url ?? '/'),
    // Longer than the idle timeout of proxies in front, so that the proxy closes a connection first.
    keepAliveTimeout: 75_000,
    requestTimeout: 30_000,
    // Without a limit of its own, 60 s by default, Node applies the longer of the two to the whole request.
    http: { headersTimeout: 30_000, connectionsCheckingInterval: 5_000 },
    forceCloseConnections: 'idle',
    // Requests that arrive on a kept-alive connection during shutdown are still served.
    return503OnClosing: false,
    genReqId: createRequestIds(),
    frameworkErrors: sendUnroutable,
    clientErrorHandler: sendUnreadable,
  } satisfies FastifyHttpOptions<Server>
}

const UNREADABLE_STATUS: Record<string, number> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }

/** The response to bytes that are not HTTP, to a head that is too long, and to a request that arrives too slowly. */
function sendUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const status = UNREADABLE_STATUS[error.code ?? ''] ?? 400
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

/** The response to a URL that cannot be routed. Fastify's own would repeat it. */
function sendUnroutable(error: { statusCode?: number }, request: FastifyRequest, reply: FastifyReply): void {
  const isTooLong = error.statusCode === 414
  reply
    .code(isTooLong ? 404 : 400)
    .header('x-content-type-options', 'nosniff')
    .send({ error: isTooLong ? 'not_found' : 'invalid_request', request_id: request.id })
}

/** Request ids that are unique over all instances: a random part for the process, and a counter. */
function createRequestIds(): () => string {
  const prefix = randomBytes(6).toString('hex')
  let count = 0
  return () => `${prefix}-${(count++).toString(36)}`
}

const WELL_KNOWN = /^\/\.well-known\/[^/?]+/

/**
 * Removes the path of BASE_URL from a request's URL, so that the endpoints are found below `https://host/path` whether
 * or not the proxy in front strips it. In well-known URLs it stands behind their name (RFC 8414 §3.1, RFC 9728 §3.1)
 * or, for clients that append the name, before it.
 */
export function createBasePathRemover(baseUrl: string): (url: string) => string {
  const basePath = new URL(baseUrl).pathname.replace(/\/$/, '')
  if (basePath === '') return (url) => url

  return (url) => {
    const wellKnown = WELL_KNOWN.exec(url)?.[0] ?? ''
    const rest = url.slice(wellKnown.length)
    return hasPath(rest, basePath) ? wellKnown + withSlash(rest.slice(basePath.length), wellKnown) : url
  }
}

/** Whether a URL begins with whole segments of a path. */
function hasPath(url: string, path: string): boolean {
  return url.startsWith(path) && /^([/?]|$)/.test(url.slice(path.length))
}

/** The root keeps its slash. */
function withSlash(rest: string, before: string): string {
  return before === '' && !rest.startsWith('/') ? `/${rest}` : rest
}
