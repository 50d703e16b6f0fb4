import Type, { type Static } from 'typebox'
import { isCodeChallenge } from '../../crypto/pkce.ts'
import type { Client } from '../../model/client.ts'
import { isRegisteredRedirectUri, isSafeRedirectUri } from '../../model/redirect-uri.ts'
import { createResource, type Resource } from '../../model/resource.ts'
import { coversSentryScope, parseScope } from '../../model/scope.ts'
import type { AuthorizationServer, OAuthSettings } from '../authorization-server.ts'
import {
  ADD_AGAIN,
  ASK_DEVELOPERS,
  AuthorizationError,
  createUnknownClientError,
  InvalidRedirectUriError,
  InvalidRequestError,
  InvalidScopeError,
  InvalidTargetError,
  OAuthError,
  UnsupportedResponseTypeError,
  type VerifiedRedirect,
} from '../errors.ts'
import { ParameterSchema, readParameter, requireParameter } from '../parameters.ts'
import { readResourceIndicator } from '../resource/indicator.ts'

/** RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2. Other parameters are ignored. */
export const AuthorizationQuerySchema = Type.Object({
  client_id: ParameterSchema,
  redirect_uri: ParameterSchema,
  response_type: ParameterSchema,
  response_mode: ParameterSchema,
  state: ParameterSchema,
  code_challenge: ParameterSchema,
  code_challenge_method: ParameterSchema,
  resource: ParameterSchema,
  scope: ParameterSchema,
})

export type AuthorizationQuery = Static<typeof AuthorizationQuerySchema>

/** RFC 6749 §3.1.2.4: the user sees that a client is unknown; a redirect URI never receives this error. */
export async function requireClient(
  query: AuthorizationQuery,
  ip: string,
  server: Pick<AuthorizationServer, 'findClient'>,
): Promise<Client> {
  const client = await server.findClient(requireParameter('client_id', query.client_id), ip)
  if (client === undefined) throw createUnknownClientError()
  return client
}

/**
 * The redirect URI, which the client has registered (RFC 6749 §3.1.2.3, RFC 9700 §2.1) and the operator still allows.
 * A client with one redirect URI may omit it. From here on errors are the client's (RFC 6749 §4.1.2.1).
 */
export function requireVerifiedRedirect(
  query: AuthorizationQuery,
  client: Client,
  server: Pick<AuthorizationServer, 'isAllowedRedirectUri'>,
): VerifiedRedirect {
  const [only, ...others] = client.redirectUris
  const requested = readParameter('redirect_uri', query.redirect_uri)
  const redirectUri = requested ?? (others.length === 0 ? only : undefined)
  if (redirectUri === undefined)
    throw new InvalidRedirectUriError('Invalid redirect_uri: it is missing.', { advice: ASK_DEVELOPERS })
  if (!isSafeRedirectUri(redirectUri) || !isRegisteredRedirectUri(redirectUri, client.redirectUris)) {
    throw new InvalidRedirectUriError('Invalid redirect_uri: the client did not register it.', {
      advice: ADD_AGAIN,
    })
  }
  if (!server.isAllowedRedirectUri(redirectUri)) {
    throw new InvalidRedirectUriError('Invalid redirect_uri: this server does not allow it.', {
      advice: 'Ask the operator of this server to allow this client.',
    })
  }
  const { state } = query
  return { redirectUri, state: typeof state === 'string' && state !== '' ? state : undefined }
}

/** Runs `act` after the user's consent, and sends its OAuth errors to the client's redirect URI. */
export function redirectErrors<Result>(
  redirect: VerifiedRedirect,
  act: () => Result | Promise<Result>,
): Promise<Result> {
  return sendErrors(act, (error) => new AuthorizationError(error, redirect))
}

/**
 * Runs `act` before the user's consent, and shows its OAuth errors on a page with a link to the client's redirect URI
 * (RFC 9700 §4.11.2): a registered client must not be able to redirect a browser from this server without its user.
 */
export function offerErrors<Result>(
  redirect: VerifiedRedirect,
  act: () => Result | Promise<Result>,
): Promise<Result> {
  return sendErrors(act, (error) => new AuthorizationError(error, redirect, { isImmediate: false }))
}

async function sendErrors<Result>(
  act: () => Result | Promise<Result>,
  wrap: (error: OAuthError) => AuthorizationError,
): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    throw error instanceof OAuthError ? wrap(error) : error
  }
}

/** RFC 6749 §4.1.1: opaque and returned unchanged; bounded, so that the response fits into a URL. */
export function assertState(query: AuthorizationQuery): void {
  readParameter('state', query.state)
}

/** RFC 6749 §3.1.1: the code flow is the only one. */
export function assertResponseType(query: AuthorizationQuery): void {
  if (requireParameter('response_type', query.response_type) !== 'code') {
    throw new UnsupportedResponseTypeError('response_type must be code.')
  }
}

/** OAuth 2.0 Multiple Response Type Encoding Practices §2.1: a client that asks for another place would never find it. */
export function assertResponseMode(query: AuthorizationQuery): void {
  const mode = readParameter('response_mode', query.response_mode)
  if (mode !== undefined && mode !== 'query') throw new InvalidRequestError('response_mode must be query.')
}

/** RFC 7636 §4.3 and OAuth 2.1 §4.1.1: a challenge is required, and S256 is the only method. */
export function requireCodeChallenge(query: AuthorizationQuery): string {
  const challenge = requireParameter('code_challenge', query.code_challenge)
  if (readParameter('code_challenge_method', query.code_challenge_method) !== 'S256') {
    throw new InvalidRequestError('code_challenge_method must be S256.')
  }
  if (!isCodeChallenge(challenge)) throw new InvalidRequestError('code_challenge is not an S256 challenge.')
  return challenge
}

/** RFC 8707 §2: a resource of this server; `/mcp` for a client that names none. */
export function parseRequestedResource(
  query: AuthorizationQuery,
  { BASE_URL, ALLOWED_ORGANIZATIONS: allowed }: Pick<OAuthSettings, 'BASE_URL' | 'ALLOWED_ORGANIZATIONS'>,
): Resource {
  const resource = readResourceIndicator(query.resource, BASE_URL) ?? createResource(BASE_URL)
  if (resource === undefined) throw new TypeError('/mcp is a resource.')
  const { organization } = resource
  if (organization !== undefined && allowed.length > 0 && !allowed.includes(organization)) {
    throw new InvalidTargetError(`This server is not for the organization ${organization}.`, {
      advice: 'Change the address of this server in your MCP client, or ask the operator of this server.',
    })
  }
  return resource
}

/** RFC 6749 §3.3: the requested scopes that this server knows; all of them if the client requests none. */
export function parseRequestedScope(
  query: AuthorizationQuery,
  { SENTRY_SCOPES }: Pick<OAuthSettings, 'SENTRY_SCOPES'>,
): string[] {
  const requested = parseScope(readParameter('scope', query.scope) ?? '')
  if (requested.length === 0) return [...SENTRY_SCOPES]
  const known = requested.filter((scope) => coversSentryScope(SENTRY_SCOPES, scope))
  if (known.length === 0) throw new InvalidScopeError('This server knows none of the requested scopes.')
  return known
}
