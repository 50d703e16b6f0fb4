import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Sealer } from '../crypto/sealer.ts'
import type { GrantRecord } from '../store/store.ts'
import type { SentryOAuth } from './oauth.ts'
import { openUpstream, type SealedTokens } from './sealed-tokens.ts'

/** How long a release without revocation is not asked again, in ms; by then it may have been upgraded. */
const UNSUPPORTED_FOR = 60 * 60_000

/**
 * Ends at Sentry what a grant held there, so that nothing of an ended sign-in stays alive. It is worth trying and
 * not worth waiting for: it goes on behind the answer, one token after the other, and what fails is left to end
 * by itself.
 */
export interface UpstreamRevocation {
  /** Revokes the tokens of a grant that has ended, as it was before. */
  revokeGrant(grant: GrantRecord): void
  /** Revokes tokens that nothing was made of. */
  revokeTokens(tokens: SealedTokens): void
  /** Resolves when nothing is under way any more, or after `limit` ms. */
  settle(limit: number): Promise<void>
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

  function revokeGrant({ id, upstream }: GrantRecord): void {
    try {
      revokeTokens(openUpstream(upstream.sealed, id, sealer))
    } catch (err) {
      log.error({ err, grant: id.slice(0, 8) }, "Sentry's tokens of an ended grant cannot be opened")
    }
  }

  function revokeTokens({ accessToken, refreshToken }: SealedTokens): void {
    last = last.then(() => revoke(refreshToken ?? accessToken))
  }

  async function revoke(token: string): Promise<void> {
    if (unsupportedUntil > Date.now()) return
    try {
      if ((await sentry.revoke(token)) === 'revoked') return
      unsupportedUntil = Date.now() + UNSUPPORTED_FOR
      log.info('This release of Sentry cannot revoke tokens; those of ended sign-ins end by time.')
    } catch (err) {
      log.warn({ err }, "Sentry's tokens of an ended sign-in could not be revoked there; they end by time")
    }
  }

  async function settle(limit: number): Promise<void> {
    const timer = new AbortController()
    await Promise.race([last, sleep(limit, undefined, { signal: timer.signal }).catch(() => undefined)])
    timer.abort()
  }

  return { revokeGrant, revokeTokens, settle }
}
