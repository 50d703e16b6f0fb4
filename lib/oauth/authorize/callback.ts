import Type, { type Static } from 'typebox'
import { isToken } from '../../crypto/hash.ts'
import { TransientError } from '../../errors.ts'
import { parseResource } from '../../model/resource.ts'
import { ActionRequiredError } from '../../upstream/api.ts'
import { UpstreamRefusedError, type UpstreamTokens } from '../../upstream/oauth.ts'
import { UpstreamUnavailableError } from '../../upstream/request.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { toOAuthError } from '../error-response.ts'
import {
  AccessDeniedError,
  createExpiredError,
  NotAMemberError,
  type OAuthError,
  ServerError,
} from '../errors.ts'
import { ParameterSchema } from '../parameters.ts'
import type { PendingAuthorization } from './transaction.ts'

/** The parameters with which Sentry sends the browser back (RFC 6749 §4.1.2). */
export const CallbackQuerySchema = Type.Object({
  state: ParameterSchema,
  code: ParameterSchema,
  error: ParameterSchema,
})

export type CallbackQuery = Static<typeof CallbackQuerySchema>

/** The id of the transaction, which this server sent to Sentry as `state`. Throws `PageError` if malformed. */
export function requireTransactionId({ state }: CallbackQuery): string {
  if (typeof state !== 'string' || !isToken(state)) throw createExpiredError()
  return state
}

/**
 * Exchanges Sentry's code for the user's tokens. Throws an `OAuthError` with a description of our own: Sentry's are not
 * passed on (RFC 9700 §4.2).
 */
export async function exchangeUpstreamCode(
  query: CallbackQuery,
  verifier: string,
  { sentryOAuth }: Pick<AuthorizationServer, 'sentryOAuth'>,
): Promise<{ tokens: UpstreamTokens; userId: string }> {
  try {
    const tokens = await sentryOAuth.exchangeCode(requireUpstreamCode(query), verifier)
    if (tokens.userId !== undefined) return { tokens, userId: tokens.userId }
  } catch (error) {
    if (error instanceof TransientError) throw toOAuthError(error)
    if (!(error instanceof UpstreamRefusedError)) throw error
    throw new ServerError('Sentry did not accept the sign-in of this server.', { cause: error })
  }
  throw new ServerError('Sentry did not say who signed in.')
}

/**
 * Why a user who has just signed in at Sentry gets no grant for a resource: they are a member of no organization that
 * ALLOWED_ORGANIZATIONS names, or not of that of the resource. Undefined if they get one. Throws an `OAuthError`.
 */
export async function findRefusal(
  { resource }: Pick<PendingAuthorization, 'resource'>,
  { accessToken, userId, userName }: UpstreamTokens,
  {
    sentryApi,
    settings: { BASE_URL, ALLOWED_ORGANIZATIONS: allowed },
  }: Pick<AuthorizationServer, 'sentryApi' | 'settings'>,
): Promise<AccessDeniedError | undefined> {
  if (allowed.length === 0) return undefined
  const organization = parseResource(BASE_URL, resource)?.organization
  try {
    const found = await sentryApi.findMembership(
      organization === undefined ? allowed : [organization],
      accessToken,
    )
    return found === undefined ? new NotAMemberError(userName ?? `user ${userId}`) : undefined
  } catch (error) {
    if (error instanceof ActionRequiredError) return new AccessDeniedError(error.message, { cause: error })
    throw toOAuthError(error)
  }
}

function requireUpstreamCode(query: CallbackQuery): string {
  if (typeof query.code === 'string' && query.code !== '' && query.error === undefined) return query.code
  throw readUpstreamError(query)
}

function readUpstreamError({ error }: CallbackQuery): OAuthError {
  if (error === 'access_denied') return new AccessDeniedError('The user did not allow access at Sentry.')
  if (error === 'temporarily_unavailable' || error === 'server_error') {
    return toOAuthError(new UpstreamUnavailableError(new Error(`Sentry redirected back with ${error}.`)))
  }
  const cause = new Error(`Sentry refused the authorization request with ${JSON.stringify(error)}.`)
  return new ServerError('Sentry did not accept the sign-in request of this server.', { cause })
}
