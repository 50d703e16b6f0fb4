import Type, { type Static } from 'typebox'
import { isCodeChallenge } from '../../crypto/pkce.ts'
import type { Client } from '../../model/client.ts'
import { isRegisteredRedirectUri, isSafeRedirectUri } from '../../model/redirect-uri.ts'
import { createResource, type Resource } from '../../model/resource.ts'
import { parseScope } from '../../model/scope.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import {
  AuthorizationError,
  InvalidClientError,
  InvalidRedirectUriError,
  InvalidRequestError,
  InvalidScopeError,
  OAuthError,
  type ProvenRedirect,
  UnsupportedResponseTypeError,
} from '../errors.ts'
import { ParameterSchema, readParameter, requireParameter } from '../parameters.ts'
import { readResourceIndicator } from '../resource/indicator.ts'

/** RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2. Parameters that are not named here are ignored. */
export const AuthorizationQuerySchema = Type.Object({
  client_id: ParameterSchema,
  redirect_uri: ParameterSchema,
  response_type: ParameterSchema,
  state: ParameterSchema,
  code_challenge: ParameterSchema,
  code_challenge_method: ParameterSchema,
  resource: ParameterSchema,
  scope: ParameterSchema,
})

export type AuthorizationQuery = Static<typeof AuthorizationQuerySchema>

/** RFC 6749 §3.1.2.4: an unknown client is told to the user, never to a redirect URI. */
export async function checkClient(query: AuthorizationQuery, server: AuthorizationServer): Promise<Client> {
  const client = await server.findClient(requireParameter('client_id', query.client_id))
  if (client === undefined) throw new InvalidClientError('The client_id is not one that this server issued.')
  return client
}

/**
 * RFC 6749 §3.1.2.3 and RFC 9700 §2.1: the redirect URI is one of the client's own, and still one the operator
 * allows. A client with a single one may leave it out.
 */
export function checkRedirectUri(
  query: AuthorizationQuery,
  client: Client,
  server: AuthorizationServer,
): string {
  const [only, ...others] = client.redirectUris
  const requested = readParameter('redirect_uri', query.redirect_uri)
  const uri = requested ?? (others.length === 0 ? only : undefined)
  if (uri === undefined) throw new InvalidRedirectUriError('Invalid redirect_uri: it is missing.')
  if (!isSafeRedirectUri(uri) || !isRegisteredRedirectUri(uri, client.redirectUris)) {
    throw new InvalidRedirectUriError('Invalid redirect_uri: it is not one that the client registered.')
  }
  if (!server.isAllowedRedirectUri(uri)) {
    throw new InvalidRedirectUriError('Invalid redirect_uri: this server does not allow it.')
  }
  return uri
}

/** From here on the client is proven and hears of its own errors (RFC 6749 §4.1.2.1). */
export function proveRedirect(redirectUri: string, query: AuthorizationQuery): ProvenRedirect {
  return {
    redirectUri,
    state: typeof query.state === 'string' && query.state !== '' ? query.state : undefined,
  }
}

/** Runs checks whose errors the proven redirect URI is told. */
export async function reportTo<Result>(
  redirect: ProvenRedirect,
  check: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await check()
  } catch (error) {
    if (error instanceof OAuthError) throw new AuthorizationError(error, redirect)
    throw error
  }
}

/** RFC 6749 §4.1.1: opaque, returned as it came; bounded so that the answer fits into a URL. */
export function checkState(query: AuthorizationQuery): void {
  readParameter('state', query.state)
}

/** RFC 6749 §3.1.1: the code flow is the only one. */
export function checkResponseType(query: AuthorizationQuery): void {
  if (requireParameter('response_type', query.response_type) !== 'code') {
    throw new UnsupportedResponseTypeError('response_type must be code.')
  }
}

/** RFC 7636 §4.3 and OAuth 2.1 §4.1.1: a challenge is required, and S256 is the only method. */
export function checkPkce(query: AuthorizationQuery): string {
  const challenge = requireParameter('code_challenge', query.code_challenge)
  if (readParameter('code_challenge_method', query.code_challenge_method) !== 'S256') {
    throw new InvalidRequestError('code_challenge_method must be S256.')
  }
  if (!isCodeChallenge(challenge)) throw new InvalidRequestError('code_challenge is not an S256 challenge.')
  return challenge
}

/** RFC 8707 §2: the resource is one of ours. Clients that know no resources mean the whole. */
export function checkResource(query: AuthorizationQuery, server: AuthorizationServer): Resource {
  const { BASE_URL } = server.config
  const resource = readResourceIndicator(query.resource, BASE_URL) ?? createResource(BASE_URL)
  if (resource === undefined) throw new TypeError('The whole of Sentry is always a resource.')
  return resource
}

/** RFC 6749 §3.3: what we know of what is asked for; without a scope, everything. */
export function checkScope(query: AuthorizationQuery, server: AuthorizationServer): string[] {
  const text = readParameter('scope', query.scope)
  if (text === undefined) return [...server.scopes]
  const known = parseScope(text).filter((scope) => server.scopes.includes(scope))
  if (known.length === 0) throw new InvalidScopeError('None of the scopes is known to this server.')
  return known
}
