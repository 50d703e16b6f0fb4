import { LRUCache } from 'lru-cache'

/** How many fetches run at once: in total, from one host, and for one requester. */
const MAX_FETCHES = 50
const MAX_FETCHES_PER_HOST = 4
const MAX_FETCHES_PER_REQUESTER = 4

/** How many new documents one requester can have fetched within a window. */
const MAX_NEW_DOCUMENTS = 20
const WINDOW_MS = 60_000

/** How many requesters are counted. */
const MAX_REQUESTERS = 10_000

export interface BoundedFetch {
  host: string
  /** The address range that the request for the document comes from. */
  requester: string
  /** Whether the document is not cached, so that it may not exist. */
  isNew: boolean
}

/**
 * Bounds of the fetches that strangers cause. Their URLs can be made up and their hosts can respond slowly, so no host
 * and no requester can occupy all fetches.
 */
export function createFetchBounds() {
  const running = new Map<string, number>()
  const counts = new LRUCache<string, { count: number; endsAt: number }>({ max: MAX_REQUESTERS })
  let total = 0

  function add(key: string, change: 1 | -1): void {
    const count = (running.get(key) ?? 0) + change
    if (count === 0) running.delete(key)
    else running.set(key, count)
  }

  /** Counts a new document, unless the requester has had too many within the window. */
  function countNew(requester: string): boolean {
    const now = Date.now()
    const counted = counts.get(requester)
    const current =
      counted !== undefined && now < counted.endsAt ? counted : { count: 0, endsAt: now + WINDOW_MS }
    if (current.count >= MAX_NEW_DOCUMENTS) return false
    counts.set(requester, { ...current, count: current.count + 1 })
    return true
  }

  return {
    /** Enters a fetch and returns what ends it. Undefined if the fetch is beyond a bound. */
    enter({ host, requester, isNew }: BoundedFetch): (() => void) | undefined {
      const keys = { host: `host ${host}`, requester: `requester ${requester}` }
      if (total >= MAX_FETCHES) return undefined
      if ((running.get(keys.host) ?? 0) >= MAX_FETCHES_PER_HOST) return undefined
      if ((running.get(keys.requester) ?? 0) >= MAX_FETCHES_PER_REQUESTER) return undefined
      if (isNew && !countNew(requester)) return undefined
      total += 1
      for (const key of Object.values(keys)) add(key, 1)
      return () => {
        total -= 1
        for (const key of Object.values(keys)) add(key, -1)
      }
    },
  }
}
