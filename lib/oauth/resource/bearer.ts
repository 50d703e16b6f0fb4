import type { Config } from '../../config/load.ts'
import type { Signer } from '../../crypto/signer.ts'
import type { Caller } from '../../model/caller.ts'
import type { Resource } from '../../model/resource.ts'
import { parseScope } from '../../model/scope.ts'
import { GRANT_TOUCH_INTERVAL_MS, type GrantRecord, type Store } from '../../store/store.ts'
import { SignInRequiredError, type UpstreamAccess } from '../../upstream/access.ts'
import { type AccessTokenClaims, InvalidTokenError, verifyAccessToken } from '../token/access-token.ts'

/** Sentry's token is renewed before a call when it ends within this time, in ms. */
const UPSTREAM_MARGIN = 120_000

/** A request to a protected resource that brings no credentials at all (RFC 6750 §3.1). */
export class MissingTokenError extends Error {
  override readonly name = 'MissingTokenError'
}

/** A good token of a grant that does not open this resource. Signing in for this one would help. */
export class InsufficientGrantError extends Error {
  override readonly name = 'InsufficientGrantError'
}

export interface BearerAuthentication {
  config: Config
  store: Store
  signer: Signer
  upstream: UpstreamAccess
}

/** The token of a Bearer authorization (RFC 6750 §2.1); undefined when there is none of that form. */
export function readBearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(authorization ?? '')?.[1]
}

/**
 * Who calls a protected resource, proven by an access token: a signature check without I/O and one read
 * of the grant. Throws `MissingTokenError`, `InvalidTokenError`, `InsufficientGrantError`, and what the store throws
 * when it is away, which must not be taken for a bad token.
 */
export async function authenticateBearer(
  token: string | undefined,
  resource: Resource,
  { config, store, signer, upstream }: BearerAuthentication,
): Promise<Caller> {
  if (token === undefined) throw new MissingTokenError('Sign in to use this server.')
  const claims = await verifyAccessToken(token, { issuer: config.BASE_URL, signer })
  const grant = checkGrant(await store.readGrant(claims.gid), claims)
  checkAudience(claims, resource)
  noteUse(grant, store)
  return {
    clientId: grant.clientId,
    clientName: grant.clientName,
    subject: grant.subject,
    userId: grant.subject,
    scope: new Set(parseScope(claims.scope)),
    skills: new Set(grant.skills),
    constraints: {},
    ...createUpstreamTokens(grant, upstream),
  }
}

/** The grant that a token speaks for stands. Whoever revokes a grant ends its tokens at once. */
function checkGrant(grant: GrantRecord | undefined, claims: AccessTokenClaims): GrantRecord {
  if (grant?.status !== 'active' || grant.clientId !== claims.client_id) {
    throw new InvalidTokenError('The sign-in has ended')
  }
  return grant
}

/** RFC 8707 §2 and RFC 9068 §4: a token opens the resource it was issued for, and no other. */
function checkAudience(claims: AccessTokenClaims, resource: Resource): void {
  if (claims.aud !== resource.url)
    throw new InsufficientGrantError('The sign-in does not cover this resource')
}

/** Behind the answer, and seldom: what a user reads as "last used" is no reason to delay or fail a call. */
function noteUse(grant: GrantRecord, store: Store): void {
  if (Date.now() - grant.lastUsedAt >= GRANT_TOUCH_INTERVAL_MS)
    store.touchGrant(grant.id).catch(() => undefined)
}

/** Sentry's token, which is opened once a request at most, and only when something is asked of Sentry. */
function createUpstreamTokens(
  grant: GrantRecord,
  upstream: UpstreamAccess,
): Pick<Caller, 'openAccessToken' | 'renewAccessToken'> {
  let opened: Promise<string> | undefined
  return {
    openAccessToken() {
      opened ??= asInvalidToken(upstream.getAccessToken(grant, UPSTREAM_MARGIN))
      return opened
    },
    async renewAccessToken() {
      try {
        opened = asInvalidToken(upstream.renewAccessToken(grant))
        return await opened
      } catch (error) {
        if (error instanceof InvalidTokenError) return undefined
        throw error
      }
    },
  }
}

async function asInvalidToken(token: Promise<string>): Promise<string> {
  try {
    return await token
  } catch (cause) {
    if (cause instanceof SignInRequiredError) throw new InvalidTokenError('The sign-in has ended', { cause })
    throw cause
  }
}
