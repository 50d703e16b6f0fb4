/**
 * An error that a client receives as `{"error", "error_description"}` (RFC 6749 §5.2). The message is the public
 * description; `cause` is for the log only.
 */
export abstract class OAuthError extends Error {
  /** The registered error code. */
  abstract readonly code: string
  /** The HTTP status of a direct response. */
  readonly status: number = 400

  /** What a user can do who sees the error on a page; undefined if starting the sign-in again may help. */
  readonly advice: string | undefined

  constructor(description: string, { advice, ...options }: { cause?: unknown; advice?: string } = {}) {
    super(description, options)
    this.name = new.target.name
    this.advice = advice
  }
}

/** RFC 6749 §4.1.2.1 and §5.2: a parameter is missing, repeated or malformed. */
export class InvalidRequestError extends OAuthError {
  override readonly code = 'invalid_request'
}

/** RFC 6749 §5.2: the client is unknown or did not authenticate. Clients discard their registration on it. */
export class InvalidClientError extends OAuthError {
  override readonly code = 'invalid_client'
  override readonly status = 401
}

/** RFC 6749 §5.2: the code or refresh token is invalid, expired or revoked. Clients sign in again on it. */
export class InvalidGrantError extends OAuthError {
  override readonly code = 'invalid_grant'
}

/** RFC 6749 §5.2. */
export class UnsupportedGrantTypeError extends OAuthError {
  override readonly code = 'unsupported_grant_type'
}

/** RFC 6749 §4.1.2.1. */
export class UnsupportedResponseTypeError extends OAuthError {
  override readonly code = 'unsupported_response_type'
}

/** RFC 6749 §3.3 and §6. */
export class InvalidScopeError extends OAuthError {
  override readonly code = 'invalid_scope'
}

/** RFC 8707 §2: the resource is not a resource of this server, or not the one that was granted. */
export class InvalidTargetError extends OAuthError {
  override readonly code = 'invalid_target'
}

/** RFC 6749 §4.1.2.1: the user or the operator refused. */
export class AccessDeniedError extends OAuthError {
  override readonly code = 'access_denied'
  override readonly status = 403
}

/**
 * The user is a member of no allowed organization, or not of that of the resource. RFC 6749 §4.1.2.1 has `access_denied` for it, which
 * the client gets when the user goes back to it.
 */
export class NotAMemberError extends AccessDeniedError {
  /** The name of the account at Sentry, for its user alone. */
  readonly account: string

  constructor(account: string) {
    super('The user is a member of no organization at Sentry that this connection may reach.')
    this.account = account
  }
}

/** RFC 7591 §3.2.2. */
export class InvalidRedirectUriError extends OAuthError {
  override readonly code = 'invalid_redirect_uri'
}

/** RFC 7591 §3.2.2. */
export class InvalidClientMetadataError extends OAuthError {
  override readonly code = 'invalid_client_metadata'
}

/** RFC 7591 §3 and RFC 6750 §3.1: registration requires an initial access token, which is missing or wrong. */
export class InvalidInitialTokenError extends OAuthError {
  override readonly code = 'invalid_token'
  override readonly status = 401
}

/** RFC 6749 §4.1.2.1: a fault of this server that a retry will not mend. */
export class ServerError extends OAuthError {
  override readonly code = 'server_error'
  override readonly status = 500
}

/**
 * The store or Sentry is unavailable (RFC 6749 §4.1.2.1). MCP clients keep their tokens on this code alone, so every
 * transient error becomes this one.
 */
export class TemporarilyUnavailableError extends OAuthError {
  override readonly code = 'temporarily_unavailable'
  override readonly status: number = 503
  readonly retryAfterSeconds: number

  constructor(
    description: string,
    { retryAfterSeconds = 2, ...options }: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(description, options)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** More requests than the operator allows. The code is `temporarily_unavailable`, so clients keep their tokens. */
export class TooManyRequestsError extends TemporarilyUnavailableError {
  override readonly status = 429

  constructor(retryAfterSeconds: number) {
    super('Too many requests. Wait a moment.', { retryAfterSeconds })
  }
}

/**
 * An error that the browser takes to the client's redirect URI (RFC 6749 §4.1.2.1): at once, or by a link on a page.
 * Before the user's consent only by a link (RFC 9700 §4.11.2). Its constructor takes a verified redirect, so it cannot be
 * thrown before client and redirect URI are verified.
 */
export class AuthorizationError extends Error {
  override readonly name = 'AuthorizationError'
  readonly error: OAuthError
  readonly redirect: VerifiedRedirect
  /** Whether the browser goes to the client at once. */
  readonly isImmediate: boolean

  constructor(error: OAuthError, redirect: VerifiedRedirect, { isImmediate = true } = {}) {
    super(error.message, { cause: error })
    this.error = error
    this.redirect = redirect
    this.isImmediate = isImmediate
  }
}

/** Where an authorization response may go: the redirect URI has been compared with the registered ones. */
export interface VerifiedRedirect {
  redirectUri: string
  /** The client's `state`, returned byte for byte; undefined if the client sent none. */
  state: string | undefined
}

/**
 * An error that a user sees on a page, because the redirect URI is not verified or the client cannot help. The message
 * is the public sentence; `cause` is for the log only.
 */
export class PageError extends Error {
  override readonly name = 'PageError'
  readonly status: number
  /** What the user can do. */
  readonly advice: string

  constructor(status: number, sentence: string, advice: string, options?: { cause?: unknown }) {
    super(sentence, options)
    this.status = status
    this.advice = advice
  }
}

/** Where client and server disagree about the registration, starting again shows the same page. */
export const ADD_AGAIN =
  'Remove this server from your MCP client and add it again: the client then registers again, and the sign-in works.'

export const ASK_DEVELOPERS = 'Starting again will not help: report this to the developers of the client.'

export const START_AGAIN =
  'Go back to your MCP client or to the account page of this server, and start the sign-in again.'

/** The client is unknown to this server: its registration has expired, or the key that signed its id is gone. */
export function createUnknownClientError(): InvalidClientError {
  return new InvalidClientError('This server does not know the client_id.', { advice: ADD_AGAIN })
}

/** The transaction has expired, was used, or never existed: a page kept too long, or a link opened twice. */
export function createExpiredError(): PageError {
  return new PageError(400, 'This sign-in has expired or was already used.', START_AGAIN)
}

/** RFC 9700 §4.7 and CVE-2026-27124: only the browser that started a sign-in may continue it. */
export function createOtherBrowserError(): PageError {
  return new PageError(
    403,
    'This sign-in was started in another browser.',
    'Open the link in the browser that your MCP client opened, or connect again from the client. If you did not start a sign-in yourself, close this page: the link may be an attempt to get at your data.',
  )
}
