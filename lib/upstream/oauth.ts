import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { createCodeChallenge } from '../crypto/pkce.ts'
import { formatScope, parseScope } from '../model/scope.ts'
import type { SentryLocation } from './location.ts'
import { requestSentry, type SentryRequest, UpstreamUnavailableError } from './request.ts'

/** Of a response of Sentry's OAuth endpoints. */
const MAX_BYTES = 64 * 1024

/** Sentry's token response. Older releases send `expires_in: null` and no `scope`. */
const TokenResponseSchema = Type.Object({
  access_token: Type.String({ minLength: 1 }),
  refresh_token: Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Null()])),
  expires_in: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  scope: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  user: Type.Optional(
    Type.Object({
      id: Type.Union([Type.String(), Type.Number()]),
      name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    }),
  ),
  organization_id: Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Null()])),
})

/** The tokens that Sentry issued, and for whom. */
export interface UpstreamTokens {
  accessToken: string
  /** Undefined if Sentry issued none; the access token then cannot be renewed. */
  refreshToken: string | undefined
  /** When the access token expires, in ms since the epoch; undefined if Sentry did not say. */
  expiresAt: number | undefined
  /** The granted scopes; undefined if Sentry did not say. */
  scope: string[] | undefined
  /** The user who signed in. Sentry sends it in exchange for a code, and not always on a renewal. */
  userId: string | undefined
  /** The display name of that user. */
  userName?: string
  /** The only organization that the tokens reach, if Sentry limits our application to one. */
  organizationId?: string
}

/** Sentry refused permanently: the code or refresh token is invalid, or it does not accept our OAuth application. */
export class UpstreamRefusedError extends Error {
  override readonly name = 'UpstreamRefusedError'
  /** Sentry's own error code, such as `invalid_grant` or `invalid_client`. */
  readonly code: string

  constructor(code: string) {
    super(`Sentry refused: ${code}.`)
    this.code = code
  }
}

export interface SentryOAuth {
  /** The URL at which a browser signs in at Sentry. */
  createAuthorizationUrl(request: { state: string; verifier: string; scope: readonly string[] }): string
  /** Exchanges Sentry's code for tokens. Throws `UpstreamRefusedError` or `UpstreamUnavailableError`. */
  exchangeCode(code: string, verifier: string): Promise<UpstreamTokens>
  /**
   * Renews the tokens. Sentry replaces both and revokes the old ones at the same moment, so after an unknown outcome
   * the old ones may be invalid. Throws `UpstreamRefusedError` or `UpstreamUnavailableError`.
   */
  refresh(refreshToken: string): Promise<UpstreamTokens>
  /** Whether Sentry still accepts an access token. Throws `UpstreamUnavailableError`. */
  probe(accessToken: string): Promise<boolean>
  /**
   * Revokes a token and its counterpart (RFC 7009). `unsupported`: this release of Sentry has no such endpoint.
   * Throws `UpstreamUnavailableError`.
   */
  revoke(token: string): Promise<'revoked' | 'unsupported'>
}

export interface SentryOAuthSettings {
  SENTRY_CLIENT_ID: string
  SENTRY_CLIENT_SECRET: string
}

export interface SentryOAuthOptions {
  sentry: Pick<SentryLocation, 'origin' | 'routeTo'>
  /** Our callback, which Sentry compares in the authorization and in the token request. */
  redirectUri: string
  /** How long a request may take; 10 s by default. */
  timeoutMs?: number
}

/** Our side of the OAuth application at Sentry, where we are a confidential client. */
export function createSentryOAuth(
  settings: SentryOAuthSettings,
  { sentry, redirectUri, timeoutMs }: SentryOAuthOptions,
): SentryOAuth {
  const { SENTRY_CLIENT_ID: clientId, SENTRY_CLIENT_SECRET: clientSecret } = settings

  function createAuthorizationUrl({
    state,
    verifier,
    scope,
  }: Parameters<SentryOAuth['createAuthorizationUrl']>[0]) {
    const url = new URL('/oauth/authorize/', sentry.origin)
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: formatScope(scope),
      state,
      code_challenge: createCodeChallenge(verifier),
      code_challenge_method: 'S256',
    }).toString()
    return url.href
  }

  function exchangeCode(code: string, verifier: string): Promise<UpstreamTokens> {
    return requestTokens({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    })
  }

  async function refresh(refreshToken: string): Promise<UpstreamTokens> {
    const tokens = await requestTokens({ grant_type: 'refresh_token', refresh_token: refreshToken })
    // RFC 6749 §6: without a new refresh token the old one stays good.
    return { ...tokens, refreshToken: tokens.refreshToken ?? refreshToken }
  }

  async function requestTokens(parameters: Record<string, string>): Promise<UpstreamTokens> {
    // Releases before 2025 read the credentials from the body alone, and every later one does so too.
    const body = new URLSearchParams({
      ...parameters,
      client_id: clientId,
      client_secret: clientSecret,
    })
    const { status, body: response } = await send('/oauth/token/', { method: 'POST', body })
    if (status === 200 && Value.Check(TokenResponseSchema, response)) return readTokens(response)
    if ((status === 400 || status === 401) && isErrorResponse(response))
      throw new UpstreamRefusedError(response.error)
    throw new UpstreamUnavailableError(
      new Error(`The token endpoint of Sentry responded ${status} with a body that is not OAuth.`),
    )
  }

  async function probe(accessToken: string): Promise<boolean> {
    // Not /api/0/auth/, which authenticates nothing and responds 400 to an invalid token.
    const { status } = await send('/api/0/organizations/?per_page=1', {
      headers: { authorization: `Bearer ${accessToken}` },
    })
    if (status === 200 || status === 403) return true
    if (status === 401) return false
    throw new UpstreamUnavailableError(new Error(`The API of Sentry responded ${status} to a probe.`))
  }

  async function revoke(token: string): Promise<'revoked' | 'unsupported'> {
    const body = new URLSearchParams({
      token,
      client_id: clientId,
      client_secret: clientSecret,
    })
    const response = await send('/oauth/revoke/', { method: 'POST', body, acceptsPage: true })
    // No release of Sentry has the route. Its web application responds in its place, with the page of a CSRF check.
    const isPage = response.status !== 200 && response.status < 500 && response.body === undefined
    if (isPage) return 'unsupported'
    const { status } = response
    if (status === 200) return 'revoked'
    if (status === 404 || status === 405) return 'unsupported'
    throw new UpstreamUnavailableError(new Error(`Sentry responded ${status} to a revocation.`))
  }

  function send(path: string, request: SentryRequest) {
    return requestSentry(sentry, path, { ...request, timeoutMs, maxBytes: MAX_BYTES })
  }

  return { createAuthorizationUrl, exchangeCode, refresh, probe, revoke }
}

function isErrorResponse(body: unknown): body is { error: string } {
  return typeof body === 'object' && body !== null && 'error' in body && isErrorCode(body.error)
}

/** The codes of RFC 6749 §5.2 are words; other text is not repeated in errors or logs. */
function isErrorCode(code: unknown): boolean {
  return typeof code === 'string' && /^[a-z_]{1,64}$/.test(code)
}

function readTokens(response: Static<typeof TokenResponseSchema>): UpstreamTokens {
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token ?? undefined,
    expiresAt: response.expires_in ? Date.now() + response.expires_in * 1000 : undefined,
    scope: response.scope ? parseScope(response.scope) : undefined,
    userId: response.user === undefined ? undefined : String(response.user.id),
    ...(response.user?.name && { userName: response.user.name }),
    ...(response.organization_id != null && { organizationId: String(response.organization_id) }),
  }
}
