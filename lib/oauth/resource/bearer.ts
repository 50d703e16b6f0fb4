import type { Signer } from '../../crypto/signer.ts'
import type { Caller } from '../../model/caller.ts'
import { createResource, type Resource } from '../../model/resource.ts'
import { parseScope } from '../../model/scope.ts'
import { GRANT_TOUCH_INTERVAL_MS, type GrantRecord, type Store } from '../../store/store.ts'
import { SignInRequiredError, type UpstreamAccess } from '../../upstream/access.ts'
import { createDeferral } from '../../upstream/deferral.ts'
import {
  type AccessTokenClaims,
  InvalidTokenError,
  readGrantId,
  verifyAccessToken,
} from '../token/access-token.ts'

/** Before a call, Sentry's token is renewed if it expires within this time. */
const RENEWAL_MARGIN_MS = 120_000

/** A request to a protected resource without credentials (RFC 6750 §3.1). */
export class MissingTokenError extends Error {
  override readonly name = 'MissingTokenError'
}

/** Counts a request against the limit of its user. Rejects with `TooManyRequestsError`. */
export type LimitUser = (subject: string) => Promise<void>

export interface BearerOptions {
  settings: { BASE_URL: string }
  store: Store
  signer: Signer
  sentryTokens: UpstreamAccess
}

/** The token of a Bearer authorization (RFC 6750 §2.1); undefined if the header is of another form. */
export function readBearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(authorization ?? '')?.[1]
}

/**
 * Authenticates a caller by an access token: verifies the signature without I/O, then reads the grant once, while the
 * request is counted. Throws `MissingTokenError`, `InvalidTokenError`, `SignInRequiredError`, `TooManyRequestsError`, and
 * `StoreUnavailableError` or `UnsealError`, which say nothing about the token.
 */
export async function authenticateBearer(
  token: string | undefined,
  { resource, limitUser }: { resource: Resource; limitUser: LimitUser },
  { settings, store, signer, sentryTokens }: BearerOptions,
): Promise<Caller> {
  if (token === undefined) throw new MissingTokenError('Sign in to use this server.')
  const claims = await verifyAccessToken(token, { issuer: settings.BASE_URL, signer })
  // Sent together with the read of the grant.
  const counted = limitUser(claims.sub)
  // A token whose grant has ended is refused as such, also beyond the limit.
  counted.catch(() => undefined)
  const deferral = createDeferral(claims.sub, store)
  const grant = requireGrant(await store.readGrant(readGrantId(claims)), claims)
  await counted
  sentryTokens.assertUnaltered(grant)
  assertAudience(claims, resource, settings.BASE_URL)
  touchGrant(grant, store)
  return {
    clientId: grant.clientId,
    clientName: grant.clientName,
    subject: grant.subject,
    userId: grant.subject,
    scope: new Set(claims.scope === undefined ? grant.scope : parseScope(claims.scope)),
    skills: new Set(grant.skills),
    constraints: {},
    ...createTokenAccess(grant, sentryTokens),
    ...deferral,
  }
}

/** The active grant of a token: revoking a grant invalidates its tokens at once. */
function requireGrant(grant: GrantRecord | undefined, claims: AccessTokenClaims): GrantRecord {
  if (grant?.status !== 'active' || grant.clientId !== claims.client_id) {
    throw new SignInRequiredError('The grant of the access token has ended.')
  }
  return grant
}

/**
 * RFC 8707 §2 and RFC 9068 §4: a token is valid for the resource that it was issued for, and one for `/mcp` for every
 * part of it as well, where the path limits it. Clients that name no resource at sign-in get a token for `/mcp`,
 * whichever URL they use. No other audience passes: neither that of a part at the whole or at another part, nor that
 * of an organization at a project.
 */
function assertAudience({ aud }: AccessTokenClaims, resource: Resource, baseUrl: string): void {
  if (aud === resource.url || aud === createResource(baseUrl)?.url) return
  throw new InvalidTokenError(`The token is for ${aud} and not for this URL: sign in at this URL`)
}

/** Fire and forget, at most once in GRANT_TOUCH_INTERVAL_MS: "last used" never delays or fails a call. */
function touchGrant(grant: GrantRecord, store: Store): void {
  if (Date.now() - grant.lastUsedAt >= GRANT_TOUCH_INTERVAL_MS)
    store.touchGrant(grant.id).catch(() => undefined)
}

/** Unseals Sentry's token at most once for each request, and only if the request needs it. */
function createTokenAccess(
  grant: GrantRecord,
  sentryTokens: UpstreamAccess,
): Pick<Caller, 'openAccessToken' | 'renewAccessToken'> {
  let opened: Promise<string> | undefined
  return {
    openAccessToken() {
      opened ??= sentryTokens.getAccessToken(grant, RENEWAL_MARGIN_MS)
      return opened
    },
    renewAccessToken() {
      opened = sentryTokens.renewAccessToken(grant)
      return opened
    },
  }
}
