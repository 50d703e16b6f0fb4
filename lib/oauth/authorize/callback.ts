import Type, { type Static } from 'typebox'
import { TransientError } from '../../errors.ts'
import { UpstreamRefusedError, type UpstreamTokens } from '../../upstream/oauth.ts'
import { UpstreamUnavailableError } from '../../upstream/request.ts'
import { toOAuthError } from '../answer-error.ts'
import { AccessDeniedError, type OAuthError, ServerError } from '../errors.ts'
import { createExpiredError, createOtherBrowserError } from '../page-error.ts'
import { ParameterSchema } from '../parameters.ts'

/** What Sentry sends the browser back with (RFC 6749 §4.1.2). */
export const CallbackQuerySchema = Type.Object({
  state: ParameterSchema,
  code: ParameterSchema,
  error: ParameterSchema,
})

export type CallbackQuery = Static<typeof CallbackQuerySchema>

/** The transaction that Sentry answers, in the form ours have. */
export function checkState(query: CallbackQuery): string {
  const { state } = query
  if (typeof state !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(state)) throw createExpiredError()
  return state
}

/** Without the cookie the browser is not the one that the user consented in. */
export function checkBrowserSecret(browserSecret: string | undefined): string {
  if (browserSecret === undefined) throw createOtherBrowserError()
  return browserSecret
}

/** Sentry's code, or its error in words of ours: Sentry's own are not passed on (RFC 9700 §4.2). */
export function checkCode(query: CallbackQuery): string {
  if (typeof query.code === 'string' && query.code !== '' && query.error === undefined) return query.code
  throw readUpstreamError(query)
}

function readUpstreamError({ error }: CallbackQuery): OAuthError {
  if (error === 'access_denied') return new AccessDeniedError('The user did not allow access at Sentry.')
  if (error === 'temporarily_unavailable' || error === 'server_error') {
    return toOAuthError(new UpstreamUnavailableError(new Error(`Sentry redirected back with ${error}.`)))
  }
  const cause = new Error(`Sentry answered the authorization request with ${JSON.stringify(error)}.`)
  return new ServerError('Sentry did not accept the sign-in request of this server.', { cause })
}

/** Says in words of ours why codes could not be traded. */
export function reportExchangeFailure(error: unknown): never {
  if (error instanceof TransientError) throw toOAuthError(error)
  if (error instanceof UpstreamRefusedError) {
    throw new ServerError('Sentry did not accept the sign-in of this server.', { cause: error })
  }
  throw error
}

/** Who signed in. Sentry names the user with every code. */
export function checkUser(tokens: UpstreamTokens): string {
  if (tokens.userId !== undefined) return tokens.userId
  throw new ServerError('Sentry did not say who signed in.')
}
