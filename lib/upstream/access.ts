import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { createToken } from '../crypto/hash.ts'
import type { Sealer } from '../crypto/sealer.ts'
import { type GrantRecord, type Store, StoreUnavailableError } from '../store/store.ts'
import { type SentryOAuth, UpstreamRefusedError, type UpstreamTokens } from './oauth.ts'
import { UpstreamUnavailableError } from './request.ts'
import { openUpstream, sealUpstream } from './sealed-tokens.ts'
import { createUncommittedTokens } from './uncommitted-tokens.ts'

/** How long the right to renew is held, in ms: longer than Sentry may take to answer and be probed. */
const LOCK_TTL = 30_000

/** How long a request waits for another instance's renewal, in ms. */
const WAIT_LIMIT = 10_000

/** How long a commit is tried again after Sentry has renewed, in ms. */
const COMMIT_LIMIT = 5_000

/** Sentry no longer accepts the user's tokens, or the grant has ended: the user has to sign in again. */
export class SignInRequiredError extends Error {
  override readonly name = 'SignInRequiredError'
}

export interface UpstreamAccess {
  /**
   * Sentry's access token of a grant. When it ends within `margin` ms it is renewed first. Throws
   * `SignInRequiredError`, `UpstreamUnavailableError`, `StoreUnavailableError` or `UnsealError`.
   */
  getAccessToken(grant: GrantRecord, margin: number): Promise<string>
  /** A new access token after Sentry refused the one of this grant. Throws as `getAccessToken` does. */
  renewAccessToken(grant: GrantRecord): Promise<string>
  /** Tries once more to store what could not be stored yet. */
  close(): Promise<void>
}

export interface UpstreamAccessOptions {
  store: Store
  sealer: Sealer
  sentry: SentryOAuth
  log: FastifyBaseLogger
  /** Is told of each grant whose user has to sign in again, once. */
  onSignInRequired?: (grant: GrantRecord) => void
}

/**
 * The life of Sentry's tokens after sign-in. Sentry replaces both tokens on a renewal, at once and without grace,
 * so over all instances exactly one renews at a time, what it got is committed before anybody uses it, and an
 * unknown outcome is probed before anything is ended.
 */
export function createUpstreamAccess({
  store,
  sealer,
  sentry,
  log,
  onSignInRequired,
}: UpstreamAccessOptions): UpstreamAccess {
  /** Renewals under way in this process, so that parallel requests of one grant share one. */
  const renewals = new Map<string, Promise<string>>()
  const uncommitted = createUncommittedTokens({ store, sealer, log })

  async function getAccessToken(grant: GrantRecord, margin: number): Promise<string> {
    checkActive(grant)
    const { expiresAt } = grant.upstream
    if (expiresAt !== undefined && expiresAt - Date.now() <= margin) return renewAccessToken(grant)
    return openUpstream(grant.upstream.sealed, grant.id, sealer).accessToken
  }

  function renewAccessToken(grant: GrantRecord): Promise<string> {
    const underWay = renewals.get(grant.id)
    if (underWay !== undefined) return underWay
    const renewal = renewOnce(grant).finally(() => renewals.delete(grant.id))
    renewals.set(grant.id, renewal)
    return renewal
  }

  async function renewOnce(grant: GrantRecord): Promise<string> {
    const owner = createToken()
    const deadline = Date.now() + WAIT_LIMIT
    for (let pause = 50; ; pause = Math.min(pause * 2, 400)) {
      const holdsLock = await store.lockUpstream(grant.id, owner, LOCK_TTL)
      try {
        const current = checkActive(await store.readGrant(grant.id))
        if (current.upstream.generation !== grant.upstream.generation) {
          return openUpstream(current.upstream.sealed, current.id, sealer).accessToken
        }
        if (holdsLock) return await renewLocked(current)
      } finally {
        if (holdsLock) await store.unlockUpstream(grant.id, owner).catch(() => undefined)
      }
      if (Date.now() > deadline)
        return useWhileItLasts(grant, new Error('Another renewal did not end in time.'))
      await sleep(pause)
    }
  }

  async function renewLocked(grant: GrantRecord): Promise<string> {
    const waiting = uncommitted.find(grant)
    if (waiting !== undefined) return commit(grant, waiting)
    const { refreshToken } = openUpstream(grant.upstream.sealed, grant.id, sealer)
    if (refreshToken === undefined) return endUnlessAlive(grant)
    if (grant.upstream.renewalStartedAt !== undefined) {
      log.warn(
        { grant: grant.id.slice(0, 8) },
        'a renewal at Sentry was cut short earlier; its outcome is unknown',
      )
    }
    await store.markUpstreamRenewal(grant.id, grant.upstream.generation)
    try {
      return await commit(grant, await sentry.refresh(refreshToken))
    } catch (error) {
      if (error instanceof UpstreamUnavailableError) return useWhileItLasts(grant, error)
      if (!(error instanceof UpstreamRefusedError)) throw error
      if (error.code === 'invalid_grant') return endUnlessAlive(grant)
      log.error(
        { code: error.code },
        'Sentry does not accept our OAuth application; check SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET',
      )
      return useWhileItLasts(grant, error)
    }
  }

  /** Commits before anybody uses the tokens: the old ones are dead, and a lost answer would lose the sign-in. */
  async function commit(grant: GrantRecord, tokens: UpstreamTokens): Promise<string> {
    const outcome = await commitPatiently(grant, tokens)
    uncommitted.drop(grant.id)
    if (outcome === 'committed') return tokens.accessToken
    if (outcome === 'gone') throw new SignInRequiredError('The grant ended while its tokens were renewed.')
    return readCommitted(grant, tokens)
  }

  /** Somebody committed this generation before us: ourselves, where only the store's answer was lost. */
  async function readCommitted(grant: GrantRecord, tokens: UpstreamTokens): Promise<string> {
    const current = checkActive(await store.readGrant(grant.id))
    const { accessToken } = openUpstream(current.upstream.sealed, current.id, sealer)
    if (accessToken !== tokens.accessToken) {
      log.error({ grant: grant.id.slice(0, 8) }, 'two renewals of one grant met; the later one counts')
    }
    return accessToken
  }

  async function commitPatiently(grant: GrantRecord, tokens: UpstreamTokens) {
    const deadline = Date.now() + COMMIT_LIMIT
    for (;;) {
      try {
        const upstream = sealUpstream(tokens, grant.id, sealer)
        return await store.commitUpstream(grant.id, grant.upstream.generation, upstream)
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || Date.now() > deadline) {
          log.fatal(
            { err: error, grant: grant.id.slice(0, 8) },
            'renewed tokens could not be stored; kept in memory',
          )
          uncommitted.keep(grant, tokens)
          throw error
        }
        await sleep(200)
      }
    }
  }

  /** Asks Sentry itself before a sign-in is ended: a refused renewal may be one whose answer was lost. */
  async function endUnlessAlive(grant: GrantRecord): Promise<string> {
    const { accessToken } = openUpstream(grant.upstream.sealed, grant.id, sealer)
    if (await sentry.probe(accessToken)) return accessToken
    if (await store.requireSignIn(grant.id, grant.upstream.generation)) {
      onSignInRequired?.(grant)
      throw new SignInRequiredError('Sentry no longer accepts the tokens of this grant.')
    }
    // Somebody who lost the right to renew while Sentry was slow has renewed after all: theirs are the living ones.
    const current = checkActive(await store.readGrant(grant.id))
    return openUpstream(current.upstream.sealed, current.id, sealer).accessToken
  }

  function useWhileItLasts(grant: GrantRecord, cause: unknown): string {
    const { expiresAt, sealed } = grant.upstream
    if (expiresAt !== undefined && expiresAt <= Date.now()) throw new UpstreamUnavailableError(cause)
    return openUpstream(sealed, grant.id, sealer).accessToken
  }

  return { getAccessToken, renewAccessToken, close: uncommitted.close }
}

function checkActive(grant: GrantRecord | undefined): GrantRecord {
  if (grant?.status !== 'active') throw new SignInRequiredError('The grant has ended.')
  return grant
}
