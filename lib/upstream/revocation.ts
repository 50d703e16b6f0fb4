import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Sealer } from '../crypto/sealer.ts'
import type { GrantRecord } from '../store/store.ts'
import type { SentryOAuth } from './oauth.ts'
import { openUpstream, type SealedTokens } from './sealed-tokens.ts'

/** How long a release without revocation is not asked again; by then it may have been upgraded. */
const UNSUPPORTED_TTL_MS = 60 * 60_000

/**
 * Revokes Sentry's tokens of ended grants. Revocations run in the background, one after the other, and are not
 * repeated: a token that cannot be revoked stays valid until it expires.
 */
export interface UpstreamRevocation {
  /** Revokes the tokens of an ended grant, given as it was before it ended. */
  revokeGrant(grant: GrantRecord): void
  /** Revokes tokens for which no grant was created. */
  revokeTokens(tokens: SealedTokens): void
  /** Resolves when all revocations have ended, or after `timeoutMs`. */
  settle(timeoutMs: number): Promise<void>
}

export interface UpstreamRevocationOptions {
  sealer: Sealer
  sentry: SentryOAuth
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
}

export function createUpstreamRevocation({
  sealer,
  sentry,
  log,
}: UpstreamRevocationOptions): UpstreamRevocation {
  let unsupportedUntil = 0
  let last = Promise.resolve()

  function revokeGrant(grant: GrantRecord): void {
    try {
      revokeTokens(openUpstream(grant, sealer))
    } catch (err) {
      log.error({ err, grant: grant.id.slice(0, 8) }, "Sentry's tokens of an ended grant cannot be unsealed")
    }
  }

  function revokeTokens({ accessToken, refreshToken }: SealedTokens): void {
    last = last.then(() => revoke(refreshToken ?? accessToken))
  }

  async function revoke(token: string): Promise<void> {
    if (unsupportedUntil > Date.now()) return
    try {
      if ((await sentry.revoke(token)) === 'revoked') return
      unsupportedUntil = Date.now() + UNSUPPORTED_TTL_MS
      log.info(
        'this release of Sentry cannot revoke tokens; those of ended grants stay valid there until they expire, at most 30 days',
      )
    } catch (err) {
      log.warn(
        { err },
        "Sentry's tokens of an ended grant could not be revoked there; they stay valid until they expire",
      )
    }
  }

  async function settle(timeoutMs: number): Promise<void> {
    const timer = new AbortController()
    await Promise.race([last, sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined)])
    timer.abort()
  }

  return { revokeGrant, revokeTokens, settle }
}
