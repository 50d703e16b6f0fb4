import type { FastifyBaseLogger, FastifyReply } from 'fastify'
import { TransientError } from '../../errors.ts'
import type { Resource } from '../../model/resource.ts'
import { TooManyRequestsError } from '../../oauth/errors.ts'
import { MissingTokenError } from '../../oauth/resource/bearer.ts'
import { type Challenge, createChallenge } from '../../oauth/resource/challenge.ts'
import { ConstraintNotFoundError } from '../../oauth/resource/constraints.ts'
import { InvalidTokenError } from '../../oauth/token/access-token.ts'
import type { Refusal } from '../../telemetry/request-line.ts'
import { SignInRequiredError } from '../../upstream/access.ts'
import { ActionRequiredError } from '../../upstream/api.ts'
import { InvalidNarrowingError } from '../tools/narrowing.ts'
import {
  createJsonRpcError,
  INTERNAL_ERROR,
  isRecord,
  type JsonRpcError,
  PARSE_ERROR,
  SERVER_ERROR,
} from './json-rpc.ts'
import type { McpResponse } from './response.ts'

/** The longest request, in bytes. */
export const MAX_REQUEST_BYTES = 256 * 1024

/** A request that is refused with an HTTP status for any caller. The message is for the client. */
export class RefusedRequestError extends Error {
  override readonly name = 'RefusedRequestError'
  readonly statusCode: number

  constructor(statusCode: 403 | 404, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

export interface ErrorContext {
  /** The one that the request names; undefined if its path is not that of a resource. */
  resource: Resource | undefined
  /** The scope that a challenge asks for. */
  scope: readonly string[]
  /** The page that a browser shows in place of the message of a response with this status. */
  renderPage?: ((status: number) => string | undefined) | undefined
  log: FastifyBaseLogger
}

interface ErrorResponse {
  status: number
  headers?: Record<string, string>
  message: JsonRpcError
}

/** Sends the response to a request that failed before, or outside of, its JSON-RPC message. */
export function sendErrorResponse(error: Error, reply: FastifyReply, context: ErrorContext): FastifyReply {
  const { status, headers = {}, message } = toErrorResponse(error, context)
  // That of the client says no more than that the sign-in has ended.
  const reason = error instanceof SignInRequiredError ? error.message : message.error.message
  reply.request.refusal = describeRefusal(status, headers, reason)
  const page = context.renderPage?.(status)
  reply.code(status).headers(headers)
  return page === undefined ? reply.send(message) : reply.type('text/html; charset=utf-8').send(page)
}

/** OAuth error codes for the statuses of refusals without a challenge. */
const CODES: Readonly<Record<number, string>> = {
  403: 'access_denied',
  404: 'not_found',
  429: 'temporarily_unavailable',
  500: 'server_error',
  503: 'temporarily_unavailable',
}

/** Why a request was refused, for its log line; undefined if it had no credentials, which is how clients begin. */
function describeRefusal(
  status: number,
  headers: Readonly<Record<string, string>>,
  description: string,
): Refusal | undefined {
  const challenged = /error="(\w+)"/.exec(headers['www-authenticate'] ?? '')?.[1]
  if (challenged === undefined && status === 401) return undefined
  return { code: challenged ?? CODES[status] ?? 'invalid_request', description }
}

/** The same of a response that the endpoint itself made. */
export function readRefusal({ status, headers, body }: McpResponse): Refusal | undefined {
  const message: unknown = Buffer.isBuffer(body) ? JSON.parse(body.toString()) : undefined
  const error = isRecord(message) && isRecord(message.error) ? message.error : {}
  return describeRefusal(status, headers, String(error.message ?? ''))
}

/** The one mapping of errors to HTTP statuses and challenges at `/mcp`. */
function toErrorResponse(error: Error, context: ErrorContext): ErrorResponse {
  const { log } = context
  if (error instanceof MissingTokenError) return challenge(401, error.message, context)
  if (error instanceof InvalidTokenError || error instanceof SignInRequiredError) {
    const description = error instanceof SignInRequiredError ? 'The sign-in has ended' : error.message
    return challenge(401, description, context, 'invalid_token')
  }
  if (error instanceof RefusedRequestError) return refuse(error.statusCode, error.message)
  if (error instanceof InvalidNarrowingError) return refuse(400, error.message)
  if (error instanceof ConstraintNotFoundError || error instanceof ActionRequiredError)
    return refuse(403, error.message)
  if (error instanceof TooManyRequestsError) {
    return refuse(error.status, error.message, { 'retry-after': String(error.retryAfterSeconds) })
  }
  if (error instanceof TransientError) {
    log.error({ err: error }, 'authentication unavailable')
    const headers = { 'retry-after': String(error.retryAfterSeconds) }
    return refuse(503, 'temporarily_unavailable: try again in a moment.', headers)
  }
  return toBodyErrorResponse(error) ?? reportFault(error, log)
}

/** Fastify refuses a body by its length, its media type or its content. */
function toBodyErrorResponse(error: Error): ErrorResponse | undefined {
  const statusCode = 'statusCode' in error ? error.statusCode : undefined
  if (statusCode === 400) {
    const message = 'Parse error: the body is not valid JSON.'
    return { status: 400, message: createJsonRpcError(PARSE_ERROR, message) }
  }
  if (statusCode === 413) {
    return refuse(413, `Payload too large: a request may have ${MAX_REQUEST_BYTES} bytes.`)
  }
  if (statusCode === 415) {
    return refuse(415, 'Unsupported media type: Content-Type must be application/json.')
  }
  return typeof statusCode === 'number' && statusCode < 500
    ? refuse(statusCode, 'The request is malformed.')
    : undefined
}

function reportFault(error: Error, log: FastifyBaseLogger): ErrorResponse {
  log.error({ err: error }, 'MCP request failed')
  return { status: 500, message: createJsonRpcError(INTERNAL_ERROR, 'Internal error.') }
}

function refuse(status: number, message: string, headers?: Record<string, string>): ErrorResponse {
  return { status, headers, message: createJsonRpcError(SERVER_ERROR, message) }
}

/** A refusal that tells the client how to authorize (RFC 6750 §3); `error` is absent if it sent no credentials. */
function challenge(
  status: number,
  description: string,
  { resource, scope }: ErrorContext,
  error?: Challenge['error'],
): ErrorResponse {
  if (resource === undefined) throw new TypeError('A request without a resource was authenticated.')
  const details = error === undefined ? {} : { error, description }
  return refuse(status, description, {
    'www-authenticate': createChallenge({ resource, scope, ...details }),
    'cache-control': 'no-store',
  })
}
