import { LRUCache } from 'lru-cache'
import { hashToken } from '../../crypto/hash.ts'
import type { Caller } from '../../model/caller.ts'
import type { Resource } from '../../model/resource.ts'
import type { Store } from '../../store/store.ts'
import type { Audit, AuditSource } from '../../telemetry/audit.ts'
import { SignInRequiredError } from '../../upstream/access.ts'
import { type SentryApi, TokenRefusedError } from '../../upstream/api.ts'
import { createDeferral } from '../../upstream/deferral.ts'
import { isOrganizationToken, ORGANIZATION_TOKEN_LIMIT } from '../../upstream/organization-token.ts'
import { InvalidTokenError } from '../token/access-token.ts'

/** How long the user of a token is cached. Sentry itself authorizes every request that a tool makes. */
const USER_TTL_MS = 5 * 60_000

/** How long a refusal is cached: a machine with a revoked token repeats its request at once. */
const REFUSAL_TTL_MS = 30_000

/** Of either cache. */
const MAX_CACHED = 2000

/** The clock of the caches, which a test can set. */
const CLOCK = { now: () => Date.now() }

export interface SentryBearerRequest {
  resource: Resource
  source: AuditSource
  /** Awaited before a token is looked up at Sentry. Throws `TooManyRequestsError`. */
  limitLookUps(): Promise<void>
}

/**
 * Authenticates machines, which have no browser, by a token of Sentry. No grant is stored: Sentry checks the token with
 * every request of a tool, so revoking it at Sentry ends the access here.
 */
export interface SentryBearerAuthentication {
  /** Throws `InvalidTokenError`, `UpstreamUnavailableError` or `TooManyRequestsError`. */
  authenticate(token: string, request: SentryBearerRequest): Promise<Caller>
}

export interface SentryBearerOptions {
  settings: { SENTRY_SCOPES: readonly string[]; DEFAULT_SKILLS: readonly string[] }
  store: Store
  sentryApi: SentryApi
  audit: Audit
}

/** The token of a `Sentry-Bearer` authorization: a scheme of its own, so a token of Sentry is never sent as ours. */
export function readSentryToken(authorization: string | undefined): string | undefined {
  // The token of an organization has its padding in the middle.
  return /^sentry-bearer +([A-Za-z0-9\-._~+/=]+) *$/i.exec(authorization ?? '')?.[1]
}

export function createSentryBearerAuthentication({
  settings,
  store,
  sentryApi,
  audit,
}: SentryBearerOptions): SentryBearerAuthentication {
  /** The user's id by the hash of a token; a promise, so parallel requests share a look-up. */
  const users = new LRUCache<string, Promise<string>>({ max: MAX_CACHED, ttl: USER_TTL_MS, perf: CLOCK })
  /** Hashes of refused tokens. In a cache of its own, so a flood of them does not evict users. */
  const refusals = new LRUCache<string, true>({ max: MAX_CACHED, ttl: REFUSAL_TTL_MS, perf: CLOCK })

  async function authenticate(token: string, request: SentryBearerRequest): Promise<Caller> {
    const key = hashToken(token)
    if (refusals.has(key)) throw new InvalidTokenError('Invalid token')
    const userId = await (users.get(key) ?? cache(key, identify(token, request)))
    return {
      clientId: 'sentry-bearer',
      clientName: 'Sentry-Bearer',
      subject: userId,
      userId,
      scope: new Set(settings.SENTRY_SCOPES),
      skills: new Set(settings.DEFAULT_SKILLS),
      constraints: {},
      ...(isOrganizationToken(token) && { limitation: ORGANIZATION_TOKEN_LIMIT }),
      ...createDeferral(userId, store),
      openAccessToken: async () => token,
      async renewAccessToken() {
        users.delete(key)
        throw new SignInRequiredError('Sentry refused a token that cannot be renewed.')
      },
    }
  }

  async function identify(token: string, request: SentryBearerRequest): Promise<string> {
    await request.limitLookUps()
    try {
      const subject = await sentryApi.readUserId(token)
      const about = { subject, resource: request.resource.url, skills: [...settings.DEFAULT_SKILLS] }
      audit.write({ event: 'sentry_bearer_accepted', about }, request.source)
      return subject
    } catch (cause) {
      throw cause instanceof TokenRefusedError ? new InvalidTokenError('Invalid token', { cause }) : cause
    }
  }

  function cache(key: string, userId: Promise<string>): Promise<string> {
    users.set(key, userId)
    userId.catch((error) => {
      users.delete(key)
      if (error instanceof InvalidTokenError) refusals.set(key, true)
    })
    return userId
  }

  return { authenticate }
}
