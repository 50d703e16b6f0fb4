/**
 * An error that goes to a client as `{"error", "error_description"}` (RFC 6749 §5.2). The description is a public
 * sentence of ours; whatever led to it stays in `cause`, for the log.
 */
export abstract class OAuthError extends Error {
  /** The registered error code. */
  abstract readonly code: string
  /** The HTTP status where the error is answered directly. */
  readonly status: number = 400

  constructor(description: string, options?: { cause?: unknown }) {
    super(description, options)
    this.name = new.target.name
  }
}

/** RFC 6749 §4.1.2.1 and §5.2: a parameter is missing, repeated or not of its form. */
export class InvalidRequestError extends OAuthError {
  override readonly code = 'invalid_request'
}

/** RFC 6749 §5.2: the client is unknown or did not authenticate. Clients drop their registration on it. */
export class InvalidClientError extends OAuthError {
  override readonly code = 'invalid_client'
  override readonly status = 401
}

/** RFC 6749 §5.2: the code or refresh token is not, or no longer, good. Clients sign in again on it. */
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

/** RFC 8707 §2: the resource is not one of ours, or not the one that was granted. */
export class InvalidTargetError extends OAuthError {
  override readonly code = 'invalid_target'
}

/** RFC 6749 §4.1.2.1: the user said no. */
export class AccessDeniedError extends OAuthError {
  override readonly code = 'access_denied'
  override readonly status = 403
}

/** RFC 7591 §3.2.2. */
export class InvalidRedirectUriError extends OAuthError {
  override readonly code = 'invalid_redirect_uri'
}

/** RFC 7591 §3.2.2. */
export class InvalidClientMetadataError extends OAuthError {
  override readonly code = 'invalid_client_metadata'
}

/** RFC 7591 §3 and RFC 6750 §3.1: registering takes a token of the operator's, which is missing or wrong. */
export class InvalidInitialTokenError extends OAuthError {
  override readonly code = 'invalid_token'
  override readonly status = 401
}

/** RFC 6749 §4.1.2.1: our fault, and trying again at once will not help. */
export class ServerError extends OAuthError {
  override readonly code = 'server_error'
  override readonly status = 500
}

/**
 * The store or Sentry is away (RFC 6749 §4.1.2.1). The one code on which MCP clients keep what they have, so
 * every passing fault becomes this.
 */
export class TemporarilyUnavailableError extends OAuthError {
  override readonly code = 'temporarily_unavailable'
  override readonly status: number = 503
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number

  constructor(
    description: string,
    { retryAfter = 2, ...options }: { cause?: unknown; retryAfter?: number } = {},
  ) {
    super(description, options)
    this.retryAfter = retryAfter
  }
}

/** More requests than the operator allows, which passes by itself; clients keep what they have. */
export class TooManyRequestsError extends TemporarilyUnavailableError {
  override readonly status = 429

  /** `retryAfter` is in seconds. */
  constructor(retryAfter: number) {
    super('Too many requests. Wait a moment.', { retryAfter })
  }
}

/**
 * An error that the client's redirect URI is told (RFC 6749 §4.1.2.1). It can only be made once the client and
 * its redirect URI are proven, since it takes them.
 */
export class AuthorizationError extends Error {
  override readonly name = 'AuthorizationError'
  readonly error: OAuthError
  readonly client: ProvenRedirect

  constructor(error: OAuthError, client: ProvenRedirect) {
    super(error.message, { cause: error })
    this.error = error
    this.client = client
  }
}

/** Where an authorization response may go: the redirect URI has been matched against the client's own. */
export interface ProvenRedirect {
  redirectUri: string
  /** What the client sent along, returned byte for byte; undefined when it sent none. */
  state: string | undefined
}
