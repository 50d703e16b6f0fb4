import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { createCodeChallenge } from '../crypto/pkce.ts'
import { formatScope, parseScope } from '../model/scope.ts'
import { requestSentry, UpstreamUnavailableError } from './request.ts'

/** The longest answer of a token endpoint that makes sense, in bytes. */
const MAX_ANSWER = 64 * 1024

/** Sentry's token answer. Older releases leave `expires_in` null, and `scope` out. */
const TokenAnswerSchema = Type.Object({
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

/** What Sentry handed out. */
export interface UpstreamTokens {
  accessToken: string
  /** Undefined where Sentry gave none; the access token then cannot be renewed. */
  refreshToken: string | undefined
  /** When the access token ends, in ms since the epoch; undefined when Sentry did not say. */
  expiresAt: number | undefined
  /** The scopes granted; undefined when Sentry did not say. */
  scope: string[] | undefined
  /** The id of the user who signed in; Sentry names it with a code and may leave it out on a renewal. */
  userId: string | undefined
  /** What that user is called. */
  userName?: string
  /** The one organization that Sentry limits our application to, where it does. */
  organizationId?: string
}

/** Sentry said no for good: the code or refresh token is dead, or our application is not accepted. */
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
  /** The URL that a browser is sent to, to sign in at Sentry. */
  createAuthorizationUrl(request: { state: string; verifier: string; scope: readonly string[] }): string
  /** Trades Sentry's code. Throws `UpstreamRefusedError` or `UpstreamUnavailableError`. */
  exchangeCode(code: string, verifier: string): Promise<UpstreamTokens>
  /**
   * Renews the tokens. Sentry replaces both at once and at the same moment ends the old ones, so that an unknown
   * outcome may mean that they are gone. Throws `UpstreamRefusedError` or `UpstreamUnavailableError`.
   */
  refresh(refreshToken: string): Promise<UpstreamTokens>
  /** Whether Sentry still accepts an access token. Throws `UpstreamUnavailableError`. */
  probe(accessToken: string): Promise<boolean>
  /**
   * Ends a token and its counterpart (RFC 7009). `unsupported` is the answer of releases without that endpoint.
   * Throws `UpstreamUnavailableError`.
   */
  revoke(token: string): Promise<'revoked' | 'unsupported'>
}

export interface SentryOAuthOptions {
  protocol: 'https' | 'http'
  /** Host and port, as SENTRY_HOST has it. */
  host: string
  clientId: string
  clientSecret: string
  /** Our callback, the same on both legs as Sentry demands. */
  redirectUri: string
  /** How long Sentry may take to answer, in ms; 10 s by default. */
  timeout?: number
}

/** Our side of the OAuth application at Sentry, which is a confidential client there. */
export function createSentryOAuth(options: SentryOAuthOptions): SentryOAuth {
  const origin = `${options.protocol}://${options.host}`

  function createAuthorizationUrl({
    state,
    verifier,
    scope,
  }: Parameters<SentryOAuth['createAuthorizationUrl']>[0]) {
    const url = new URL('/oauth/authorize/', origin)
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: options.clientId,
      redirect_uri: options.redirectUri,
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
      redirect_uri: options.redirectUri,
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
      client_id: options.clientId,
      client_secret: options.clientSecret,
    })
    const { status, body: answer } = await send('/oauth/token/', { method: 'POST', body })
    if (status === 200 && Value.Check(TokenAnswerSchema, answer)) return readTokens(answer)
    if ((status === 400 || status === 401) && isErrorAnswer(answer))
      throw new UpstreamRefusedError(answer.error)
    throw new UpstreamUnavailableError(
      new Error(`The token endpoint of Sentry answered ${status} in a form that is not OAuth.`),
    )
  }

  async function probe(accessToken: string): Promise<boolean> {
    // Not /api/0/auth/, which lets any request through to itself and answers 400 to a dead token.
    const { status } = await send('/api/0/organizations/?per_page=1', {
      headers: { authorization: `Bearer ${accessToken}` },
    })
    if (status === 200 || status === 403) return true
    if (status === 401) return false
    throw new UpstreamUnavailableError(new Error(`The API of Sentry answered ${status} to a probe.`))
  }

  async function revoke(token: string): Promise<'revoked' | 'unsupported'> {
    const body = new URLSearchParams({
      token,
      client_id: options.clientId,
      client_secret: options.clientSecret,
    })
    const response = await send('/oauth/revoke/', { method: 'POST', body })
    // No release of Sentry has the route. Its web application responds in its place, with the page of a CSRF check.
    const isPage = response.status !== 200 && response.status < 500 && response.body === undefined
    if (isPage) return 'unsupported'
    const { status } = response
    if (status === 200) return 'revoked'
    if (status === 404 || status === 405) return 'unsupported'
    throw new UpstreamUnavailableError(new Error(`Sentry answered ${status} to a revocation.`))
  }

  function send(path: string, init: RequestInit) {
    const { timeout } = options
    return requestSentry(new URL(path, origin), { ...init, timeout, maxAnswer: MAX_ANSWER })
  }

  return { createAuthorizationUrl, exchangeCode, refresh, probe, revoke }
}

function isErrorAnswer(answer: unknown): answer is { error: string } {
  return typeof answer === 'object' && answer !== null && 'error' in answer && isErrorCode(answer.error)
}

/** RFC 6749 §5.2 codes are plain words; anything else is not repeated anywhere. */
function isErrorCode(code: unknown): boolean {
  return typeof code === 'string' && /^[a-z_]{1,64}$/.test(code)
}

function readTokens(answer: Static<typeof TokenAnswerSchema>): UpstreamTokens {
  return {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token ?? undefined,
    expiresAt: answer.expires_in ? Date.now() + answer.expires_in * 1000 : undefined,
    scope: answer.scope ? parseScope(answer.scope) : undefined,
    userId: answer.user === undefined ? undefined : String(answer.user.id),
    ...(answer.user?.name && { userName: answer.user.name }),
    ...(answer.organization_id != null && { organizationId: String(answer.organization_id) }),
  }
}
