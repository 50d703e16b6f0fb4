import type { FastifyBaseLogger, FastifyError } from 'fastify'
import { UnsealError } from '../crypto/sealer.ts'
import { TransientError } from '../errors.ts'
import { DocumentUnavailableError } from '../net/fetch-document.ts'
import { SignInRequiredError } from '../upstream/access.ts'
import {
  AuthorizationError,
  InvalidGrantError,
  InvalidRequestError,
  OAuthError,
  ServerError,
  TemporarilyUnavailableError,
} from './errors.ts'
import { PageError } from './page-error.ts'

/**
 * The OAuth error that stands for any other: what passes is `temporarily_unavailable`, what the parsers refuse is
 * `invalid_request`, what nobody foresaw is `server_error`. Only a grant that has really ended is `invalid_grant`.
 */
export function toOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error
  if (error instanceof SignInRequiredError) {
    return new InvalidGrantError('The sign-in at Sentry has ended.', { cause: error })
  }
  if (error instanceof TransientError) {
    const { publicMessage, retryAfterSeconds: retryAfter } = error
    return new TemporarilyUnavailableError(publicMessage, { cause: error, retryAfter })
  }
  return isParserError(error)
    ? describeParserError(error)
    : new ServerError('Something went wrong.', { cause: error })
}

/** An error of Fastify's own about the request: its body, media type, size, or what the schema says of it. */
function isParserError(error: unknown): error is FastifyError {
  return error instanceof Error && 'statusCode' in error && isClientStatus(error.statusCode)
}

function isClientStatus(status: unknown): boolean {
  return typeof status === 'number' && status >= 400 && status < 500
}

function describeParserError(error: FastifyError): OAuthError {
  const [problem] = error.validation ?? []
  const name = problem?.instancePath.split('/')[1] ?? problem?.params.missingProperty
  if (typeof name === 'string' && /^[a-z_]+$/.test(name))
    return new InvalidRequestError(`${name} is not of its form.`)
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new InvalidRequestError('The request is too large.')
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new InvalidRequestError('The Content-Type is not supported here.')
  return new InvalidRequestError('The request cannot be read.')
}

/** How an error is counted: by the code of the OAuth error that stands for it, or `refused` where a page told of it. */
export function findOutcome(error: unknown): string {
  if (error instanceof PageError) return 'refused'
  return (error instanceof AuthorizationError ? error.error : toOAuthError(error)).code
}

/** Writes an error where its operator looks for it: their own faults loud, a client's mistakes only on debug. */
export function logOAuthError(error: OAuthError, log: FastifyBaseLogger): void {
  const { code } = error
  if (error.cause instanceof UnsealError)
    log.error({ err: error.cause, code }, 'stored data cannot be opened: ENCRYPTION_KEY lacks a key')
  else if (error.cause instanceof DocumentUnavailableError)
    log.warn({ err: error.cause, code }, 'a document of a client cannot be fetched')
  else if (error.status >= 500) log.error({ err: error, code }, 'request failed')
  else log.debug({ code, description: error.message }, 'request refused')
}
