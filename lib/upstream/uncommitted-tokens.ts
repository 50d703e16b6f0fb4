import type { FastifyBaseLogger } from 'fastify'
import type { Sealer } from '../crypto/sealer.ts'
import type { GrantRecord, Store } from '../store/store.ts'
import type { UpstreamTokens } from './oauth.ts'
import { sealUpstream } from './sealed-tokens.ts'

/** How long the store is left alone between two tries, in ms. */
const PAUSE = 250

/**
 * Tokens that Sentry handed out and the store could not take: the only valid ones of their grants. They are
 * committed behind everything else as soon as the store is back, so that whichever instance is asked next finds
 * them; until then only this process has them.
 */
export interface UncommittedTokens {
  /** Keeps the tokens that Sentry gave in place of those of `grant`. */
  keep(grant: GrantRecord, tokens: UpstreamTokens): void
  /** The tokens that were kept for a grant, unless somebody has committed others since. */
  find(grant: GrantRecord): UpstreamTokens | undefined
  /** Forgets what was kept for a grant, which is committed or has ended. */
  drop(grantId: string): void
  /** Tries once more and then no longer. Takes as long as one operation of the store may. */
  close(): Promise<void>
}

export interface UncommittedTokensOptions {
  store: Pick<Store, 'commitUpstream'>
  sealer: Sealer
  log: Pick<FastifyBaseLogger, 'info' | 'fatal'>
}

export function createUncommittedTokens({ store, sealer, log }: UncommittedTokensOptions): UncommittedTokens {
  const kept = new Map<string, { generation: number; tokens: UpstreamTokens }>()
  let timer: NodeJS.Timeout | undefined
  let attempt: Promise<void> | undefined
  let isClosed = false

  function keep({ id, upstream }: GrantRecord, tokens: UpstreamTokens): void {
    kept.set(id, { generation: upstream.generation, tokens })
    schedule()
  }

  function find({ id, upstream }: GrantRecord): UpstreamTokens | undefined {
    const found = kept.get(id)
    if (found === undefined || found.generation === upstream.generation) return found?.tokens
    kept.delete(id)
    return undefined
  }

  function schedule(): void {
    if (isClosed || timer !== undefined || attempt !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      attempt = commitAll().finally(() => {
        attempt = undefined
        if (kept.size > 0) schedule()
      })
    }, PAUSE).unref()
  }

  /** One after the other, up to the first that the store does not take: the others would fare no better. */
  async function commitAll(): Promise<void> {
    for (const [id, { generation, tokens }] of kept) {
      try {
        const outcome = await store.commitUpstream(id, generation, sealUpstream(tokens, id, sealer))
        if (kept.get(id)?.generation === generation) kept.delete(id)
        log.info({ grant: id.slice(0, 8), outcome }, 'the store has answered about tokens kept in memory')
      } catch {
        return
      }
    }
  }

  async function close(): Promise<void> {
    isClosed = true
    clearTimeout(timer)
    await attempt
    await commitAll()
    if (kept.size > 0) log.fatal({ grants: kept.size }, 'renewed tokens are lost with this process')
  }

  return { keep, find, drop: (grantId) => void kept.delete(grantId), close }
}
