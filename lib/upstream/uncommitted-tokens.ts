import type { FastifyBaseLogger } from 'fastify'
import type { Sealer } from '../crypto/sealer.ts'
import type { GrantRecord, Store } from '../store/store.ts'
import type { UpstreamTokens } from './oauth.ts'
import { sealUpstream } from './sealed-tokens.ts'

/** Between two attempts to commit. */
const RETRY_INTERVAL_MS = 250

/**
 * Tokens that Sentry issued and the store did not accept: the only valid ones of their grants. They are committed in
 * the background as soon as the store is back, where every instance finds them; until then only this process has them.
 */
export interface UncommittedTokens {
  /** Adds the tokens with which Sentry replaced those of `grant`. */
  add(grant: GrantRecord, tokens: UpstreamTokens): void
  /** The uncommitted tokens of a grant, unless later ones have been committed. */
  get(grant: GrantRecord): UpstreamTokens | undefined
  /** Removes the tokens of a grant that are committed or whose grant has ended. */
  remove(grantId: string): void
  /** Makes a last attempt. Takes as long as one operation of the store may. */
  close(): Promise<void>
}

export interface UncommittedTokensOptions {
  store: Pick<Store, 'commitUpstream'>
  sealer: Sealer
  log: Pick<FastifyBaseLogger, 'info' | 'fatal'>
}

export function createUncommittedTokens({ store, sealer, log }: UncommittedTokensOptions): UncommittedTokens {
  const uncommitted = new Map<string, { grant: GrantRecord; tokens: UpstreamTokens }>()
  let timer: NodeJS.Timeout | undefined
  let attempt: Promise<void> | undefined
  let isClosed = false

  function add(grant: GrantRecord, tokens: UpstreamTokens): void {
    uncommitted.set(grant.id, { grant, tokens })
    schedule()
  }

  function get({ id, upstream }: GrantRecord): UpstreamTokens | undefined {
    const found = uncommitted.get(id)
    if (found === undefined || found.grant.upstream.generation === upstream.generation) return found?.tokens
    uncommitted.delete(id)
    return undefined
  }

  function schedule(): void {
    if (isClosed || timer !== undefined || attempt !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      attempt = commitAll().finally(() => {
        attempt = undefined
        if (uncommitted.size > 0) schedule()
      })
    }, RETRY_INTERVAL_MS).unref()
  }

  /** Stops at the first that the store does not accept: the others would fail too. */
  async function commitAll(): Promise<void> {
    for (const [id, { grant, tokens }] of uncommitted) {
      try {
        const upstream = sealUpstream(tokens, grant, sealer)
        const outcome = await store.commitUpstream(id, grant.upstream.generation, upstream)
        if (uncommitted.get(id)?.grant.upstream.generation === grant.upstream.generation)
          uncommitted.delete(id)
        log.info({ grant: id.slice(0, 8), outcome }, 'the store responded to tokens kept in memory')
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
    if (uncommitted.size > 0)
      log.fatal({ grants: uncommitted.size }, 'renewed tokens are lost with this process')
  }

  return { add, get, remove: (grantId) => void uncommitted.delete(grantId), close }
}
