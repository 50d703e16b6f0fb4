import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { createToken } from '../crypto/hash.ts'
import type { Sealer } from '../crypto/sealer.ts'
import { type GrantRecord, type Store, StoreUnavailableError } from '../store/store.ts'
import type { RenewalOutcome } from '../telemetry/metrics.ts'
import { APPLICATION_REFUSED } from './application.ts'
import { type SentryOAuth, UpstreamRefusedError, type UpstreamTokens } from './oauth.ts'
import { UpstreamUnavailableError } from './request.ts'
import { openUpstream, sealUpstream } from './sealed-tokens.ts'
import { createUncommittedTokens } from './uncommitted-tokens.ts'

/** Of the lock under which one instance renews. Longer than a renewal and a probe of Sentry may take. */
const LOCK_TTL_MS = 30_000

/** How long a request waits for another instance's renewal. */
const WAIT_TIMEOUT_MS = 10_000

/** How long a commit is retried after Sentry has renewed. */
const COMMIT_TIMEOUT_MS = 5_000

/**
 * The user has to sign in again: Sentry no longer accepts the tokens, or the grant has ended. The message is for the
 * log.
 */
export class SignInRequiredError extends Error {
  override readonly name = 'SignInRequiredError'
}

export interface UpstreamAccess {
  /**
   * Sentry's access token of a grant, renewed first if it expires within `marginMs`. Throws `SignInRequiredError`,
   * `UpstreamUnavailableError`, `StoreUnavailableError` or `UnsealError`.
   */
  getAccessToken(grant: GrantRecord, marginMs: number): Promise<string>
  /** A new access token after Sentry refused the current one. Throws as `getAccessToken` does. */
  renewAccessToken(grant: GrantRecord): Promise<string>
  /** Throws `UnsealError` if the terms of a grant are not those that its tokens were sealed with. */
  assertUnaltered(grant: GrantRecord): void
  /** Makes a last attempt to store renewed tokens that the store has not accepted yet. */
  close(): Promise<void>
}

export interface UpstreamAccessOptions {
  store: Store
  sealer: Sealer
  sentry: SentryOAuth
  log: FastifyBaseLogger
  recordRenewal?: (outcome: RenewalOutcome) => void
  /** Called once for each grant whose tokens Sentry no longer accepts. */
  onSignInRequired?: (grant: GrantRecord) => void
}

/**
 * Sentry's tokens after sign-in. On a renewal, Sentry replaces both tokens and revokes the old ones at once. Therefore
 * one instance at a time renews, it commits the new tokens before they are used, and it probes Sentry after an unknown
 * outcome before it ends the grant.
 */
export function createUpstreamAccess({
  store,
  sealer,
  sentry,
  log,
  recordRenewal = () => undefined,
  onSignInRequired,
}: UpstreamAccessOptions): UpstreamAccess {
  /** Renewals in flight in this process, by grant: its parallel requests share one. */
  const renewals = new Map<string, Promise<string>>()
  const uncommitted = createUncommittedTokens({ store, sealer, log })

  async function getAccessToken(grant: GrantRecord, marginMs: number): Promise<string> {
    requireActive(grant)
    const { accessToken } = openUpstream(grant, sealer)
    const { expiresAt } = grant.upstream
    return expiresAt !== undefined && expiresAt - Date.now() <= marginMs
      ? renewAccessToken(grant)
      : accessToken
  }

  function renewAccessToken(grant: GrantRecord): Promise<string> {
    const inFlight = renewals.get(grant.id)
    if (inFlight !== undefined) return inFlight
    const renewal = renewOnce(grant).finally(() => renewals.delete(grant.id))
    renewals.set(grant.id, renewal)
    return renewal
  }

  async function renewOnce(grant: GrantRecord): Promise<string> {
    const owner = createToken()
    const deadline = Date.now() + WAIT_TIMEOUT_MS
    for (let pause = 50; ; pause = Math.min(pause * 2, 400)) {
      const holdsLock = await store.lockUpstream(grant.id, owner, LOCK_TTL_MS)
      try {
        const current = requireActive(await store.readGrant(grant.id))
        if (current.upstream.generation !== grant.upstream.generation) {
          return openUpstream(current, sealer).accessToken
        }
        if (holdsLock) return await renewLocked(current)
      } finally {
        if (holdsLock) await store.unlockUpstream(grant.id, owner).catch(() => undefined)
      }
      if (Date.now() > deadline)
        return useUntilExpiry(grant, new Error('Another renewal did not end in time.'))
      await sleep(pause)
    }
  }

  async function renewLocked(grant: GrantRecord): Promise<string> {
    // First of all, since what is committed is sealed with the terms of this record.
    const { refreshToken } = openUpstream(grant, sealer)
    const renewed = uncommitted.get(grant)
    if (renewed !== undefined) return commit(grant, renewed)
    if (refreshToken === undefined) return endUnlessAlive(grant)
    if (grant.upstream.renewalStartedAt !== undefined) {
      log.warn(
        { grant: grant.id.slice(0, 8) },
        'a renewal at Sentry was cut short earlier; its outcome is unknown',
      )
    }
    await store.markUpstreamRenewal(grant.id, grant.upstream.generation)
    try {
      return await commit(grant, await refresh(refreshToken))
    } catch (error) {
      if (error instanceof UpstreamUnavailableError) return useUntilExpiry(grant, error)
      if (!(error instanceof UpstreamRefusedError)) throw error
      if (error.code === 'invalid_grant') return endUnlessAlive(grant)
      log.error({ code: error.code }, APPLICATION_REFUSED)
      return useUntilExpiry(grant, error)
    }
  }

  async function refresh(refreshToken: string): Promise<UpstreamTokens> {
    try {
      const tokens = await sentry.refresh(refreshToken)
      recordRenewal('renewed')
      return tokens
    } catch (error) {
      recordRenewal(findOutcome(error))
      throw error
    }
  }

  /** Before the tokens are used: the old ones are revoked, so losing the new ones would lose the sign-in. */
  async function commit(grant: GrantRecord, tokens: UpstreamTokens): Promise<string> {
    const outcome = await commitWithRetries(grant, tokens)
    uncommitted.remove(grant.id)
    if (outcome === 'committed') return tokens.accessToken
    if (outcome === 'gone') throw new SignInRequiredError('The grant ended while its tokens were renewed.')
    return readCommitted(grant, tokens)
  }

  /** This generation was committed already: by this instance, if only the store's response was lost. */
  async function readCommitted(grant: GrantRecord, tokens: UpstreamTokens): Promise<string> {
    const current = requireActive(await store.readGrant(grant.id))
    const { accessToken } = openUpstream(current, sealer)
    if (accessToken !== tokens.accessToken) {
      log.error({ grant: grant.id.slice(0, 8) }, 'two renewals of one grant met; the later one counts')
    }
    return accessToken
  }

  async function commitWithRetries(grant: GrantRecord, tokens: UpstreamTokens) {
    const deadline = Date.now() + COMMIT_TIMEOUT_MS
    for (;;) {
      try {
        const upstream = sealUpstream(tokens, grant, sealer)
        return await store.commitUpstream(grant.id, grant.upstream.generation, upstream)
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || Date.now() > deadline) {
          log.fatal(
            { err: error, grant: grant.id.slice(0, 8) },
            'renewed tokens could not be stored; kept in memory',
          )
          uncommitted.add(grant, tokens)
          throw error
        }
        await sleep(200)
      }
    }
  }

  /** Probes Sentry before the grant is ended: a refused renewal may repeat one whose response was lost. */
  async function endUnlessAlive(grant: GrantRecord): Promise<string> {
    const { accessToken } = openUpstream(grant, sealer)
    if (await sentry.probe(accessToken)) return accessToken
    if (await store.requireSignIn(grant.id, grant.upstream.generation)) {
      onSignInRequired?.(grant)
      throw new SignInRequiredError('Sentry no longer accepts the tokens of this grant.')
    }
    // Another instance, which lost the lock while Sentry was slow, has renewed: its tokens are the valid ones.
    const current = requireActive(await store.readGrant(grant.id))
    return openUpstream(current, sealer).accessToken
  }

  function useUntilExpiry(grant: GrantRecord, cause: unknown): string {
    const { expiresAt } = grant.upstream
    if (expiresAt !== undefined && expiresAt <= Date.now()) throw new UpstreamUnavailableError(cause)
    return openUpstream(grant, sealer).accessToken
  }

  return {
    getAccessToken,
    renewAccessToken,
    assertUnaltered: (grant) => void openUpstream(grant, sealer),
    close: uncommitted.close,
  }
}

/** Any refusal but `invalid_grant` means that Sentry rejected our OAuth application. */
function findOutcome(error: unknown): RenewalOutcome {
  if (!(error instanceof UpstreamRefusedError)) return 'unavailable'
  return error.code === 'invalid_grant' ? 'refused' : 'misconfigured'
}

function requireActive(grant: GrantRecord | undefined): GrantRecord {
  if (grant?.status !== 'active') throw new SignInRequiredError('The grant has ended.')
  return grant
}
