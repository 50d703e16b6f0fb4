import type { FastifyBaseLogger, FastifyError } from 'fastify'
import Type, { type Static } from 'typebox'
import { UnsealError } from '../crypto/sealer.ts'
import { TransientError } from '../errors.ts'
import { DocumentUnavailableError } from '../net/fetch-document.ts'
import type { Refusal } from '../telemetry/request-line.ts'
import { SignInRequiredError } from '../upstream/access.ts'
import {
  AuthorizationError,
  InvalidClientError,
  InvalidGrantError,
  InvalidInitialTokenError,
  InvalidRequestError,
  OAuthError,
  PageError,
  ServerError,
  START_AGAIN,
  TemporarilyUnavailableError,
  TooManyRequestsError,
} from './errors.ts'

/** RFC 6749 §5.2 and RFC 7591 §3.2.2. */
export const ErrorResponseSchema = Type.Object({
  error: Type.String(),
  error_description: Type.String(),
})

/** The error responses of an endpoint that speaks JSON. */
export const ErrorResponseSchemas = { '4xx': ErrorResponseSchema, '5xx': ErrorResponseSchema }

export interface JsonErrorResponse {
  status: number
  headers: Record<string, string>
  body: Static<typeof ErrorResponseSchema>
}

export interface PageErrorResponse {
  status: number
  headers: Record<string, string>
  sentence: string
  advice: string
}

/**
 * Maps any error to an OAuth error: transient errors to `temporarily_unavailable`, requests that Fastify rejects to
 * `invalid_request`, unexpected errors to `server_error`. Only an ended grant becomes `invalid_grant`.
 */
export function toOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error
  if (error instanceof AuthorizationError) return error.error
  if (error instanceof SignInRequiredError) {
    return new InvalidGrantError('The sign-in at Sentry has ended.', { cause: error })
  }
  if (error instanceof TransientError) {
    const { publicMessage, retryAfterSeconds } = error
    return new TemporarilyUnavailableError(publicMessage, { cause: error, retryAfterSeconds })
  }
  return isRequestError(error)
    ? new InvalidRequestError(describeRequestError(error))
    : new ServerError('Something went wrong.', { cause: error })
}

/** The response to a client: JSON (RFC 6749 §5.2). `authorization` is the header of the request. */
export function createJsonErrorResponse(
  error: OAuthError,
  authorization: string | undefined,
): JsonErrorResponse {
  const challenge = createChallenge(error, authorization)
  return {
    status: error.status,
    headers: {
      ...createRetryAfter(error),
      ...(challenge !== undefined && { 'www-authenticate': challenge }),
    },
    body: { error: error.code, error_description: error.message },
  }
}

/** The response to a user: what a page says, and its status. */
export function createPageErrorResponse(error: OAuthError | PageError): PageErrorResponse {
  const { message: sentence } = error
  if (error instanceof PageError) return { status: error.status, headers: {}, sentence, advice: error.advice }
  const headers = createRetryAfter(error)
  if (error instanceof TooManyRequestsError) {
    const advice = `Wait ${error.retryAfterSeconds} seconds, then reload this page.`
    return { status: error.status, headers, sentence: 'Too many requests came from your network.', advice }
  }
  const isTemporary = error instanceof TemporarilyUnavailableError
  return {
    // An unknown client is a bad request of the user; on a 401 the browser would ask for a password.
    status: error.status === 401 ? 400 : error.status,
    headers,
    sentence,
    advice: isTemporary ? `Wait a moment. ${START_AGAIN}` : (error.advice ?? START_AGAIN),
  }
}

/** Logs a fault of this server or its surroundings. A mistake of a client stands in the line of its request. */
export function logOAuthError(error: OAuthError, log: FastifyBaseLogger): void {
  const { code } = error
  if (error.cause instanceof UnsealError)
    log.error(
      { err: error.cause, code },
      'cannot open stored data: its key is missing in ENCRYPTION_KEY, or it was altered',
    )
  else if (error.cause instanceof DocumentUnavailableError)
    log.warn({ err: error.cause, code }, 'cannot fetch a document of a client')
  else if (error.status >= 500) log.error({ err: error, code }, 'request failed')
}

/** Why a request was refused, for its log line. */
export function describeRefusal(error: OAuthError | PageError): Refusal {
  return { code: findOutcome(error), description: error.message }
}

/** The outcome of a failed request in the metrics: the code of its OAuth error, or `refused` for a page. */
export function findOutcome(error: unknown): string {
  return error instanceof PageError ? 'refused' : toOAuthError(error).code
}

/** Whether Fastify rejected the request for its body, media type, size or schema. */
function isRequestError(error: unknown): error is FastifyError {
  return error instanceof Error && 'statusCode' in error && isClientStatus(error.statusCode)
}

function isClientStatus(status: unknown): boolean {
  return typeof status === 'number' && status >= 400 && status < 500
}

function describeRequestError(error: FastifyError): string {
  const [problem] = error.validation ?? []
  const name = problem?.instancePath.split('/')[1] ?? problem?.params.missingProperty
  if (typeof name === 'string' && /^[a-z_]+$/.test(name)) return `${name} is malformed.`
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'The request is too large.'
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return 'The Content-Type is not supported here.'
  return 'The request cannot be parsed.'
}

function createRetryAfter(error: OAuthError): Record<string, string> {
  return error instanceof TemporarilyUnavailableError
    ? { 'retry-after': String(error.retryAfterSeconds) }
    : {}
}

/**
 * The WWW-Authenticate header: Basic if the client tried that (RFC 6749 §5.2), Bearer where an initial access token is
 * required (RFC 6750 §3).
 */
function createChallenge(error: OAuthError, authorization: string | undefined): string | undefined {
  if (error instanceof InvalidClientError) {
    return /^basic( |$)/i.test(authorization ?? '') ? 'Basic realm="oauth"' : undefined
  }
  if (!(error instanceof InvalidInitialTokenError)) return undefined
  return authorization === undefined ? 'Bearer realm="registration"' : 'Bearer error="invalid_token"'
}
