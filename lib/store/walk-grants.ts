import type { GrantRecord, Store } from './store.ts'

/** Every grant that is not revoked, each once, in no order. Throws `StoreUnavailableError`. */
export async function* walkGrants(store: Pick<Store, 'scanGrants'>): AsyncGenerator<GrantRecord> {
  const seen = new Set<string>()
  let cursor: string | undefined
  do {
    const { grants, next } = await store.scanGrants(cursor)
    for (const grant of grants) {
      if (!seen.has(grant.id)) yield grant
      seen.add(grant.id)
    }
    cursor = next
  } while (cursor !== undefined)
}
