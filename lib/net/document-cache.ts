import { LRUCache } from 'lru-cache'
import { createFetchBounds } from './fetch-bounds.ts'
import { DocumentUnavailableError, type FetchedDocument } from './fetch-document.ts'

/**
 * Other parties' documents, parsed, each cached for as long as it says. `requester` is the address range that a request
 * comes from: a new document is fetched only within its bounds.
 */
export interface DocumentCache<Value> {
  /** What the document at this URL says. Throws `DocumentUnavailableError`, or what `parse` refused it with. */
  read(url: string, requester: string): Promise<Value>
  /** The same, fetched again unless that was tried within the last minute. */
  refresh(url: string, requester: string): Promise<Value>
  /**
   * Marks a cached document as one that a user's grant depends on. Other documents no longer evict it, and fetching it
   * again is subject to no bound.
   */
  keep(url: string): void
}

/** A document that was good. It may be served while its publisher cannot be reached (stale-if-error, RFC 5861 §4). */
interface GoodDocument<Value> {
  value: Value
  fetchedAt: number
  freshUntil: number
  expiresAt: number
}

interface Failure {
  error: unknown
  failedAt: number
}

/** Bounds of how long a document is cached. */
const MIN_TTL_MS = 5 * 60_000
const MAX_TTL_MS = 24 * 3_600_000

/** How long a failure is cached, and how often a document is refreshed. */
const RETRY_INTERVAL_MS = 60_000

/** Of each of the three caches. */
const MAX_ENTRIES = 1_000

/**
 * An in-process cache of what `parse` makes of documents. Concurrent requests for one document share one fetch.
 * Failures are cached too, but apart: made-up URLs must not evict the documents of clients that work. So are the
 * documents that grants depend on. A document that cannot be fetched again is served until it is 24 hours old.
 */
export function createDocumentCache<Value>(
  fetchDocument: (url: string) => Promise<FetchedDocument>,
  parse: (content: unknown, url: string) => Value,
): DocumentCache<Value> {
  const kept = new LRUCache<string, GoodDocument<Value>>({ max: MAX_ENTRIES })
  const others = new LRUCache<string, GoodDocument<Value>>({ max: MAX_ENTRIES })
  const failures = new LRUCache<string, Failure>({ max: MAX_ENTRIES })
  const fetches = new Map<string, Promise<Value>>()
  const bounds = createFetchBounds()

  function find(url: string): GoodDocument<Value> | undefined {
    return kept.get(url) ?? others.get(url)
  }

  function load(url: string, requester: string): Promise<Value> {
    const running = fetches.get(url)
    if (running !== undefined) return running
    const release = kept.has(url)
      ? () => undefined
      : bounds.enter({ host: new URL(url).host, requester, isNew: !others.has(url) })
    if (release === undefined) {
      return useFallback(find(url), new DocumentUnavailableError('Too many documents are being fetched.'))
    }
    const fetching = fill(url).finally(() => {
      fetches.delete(url)
      release()
    })
    fetches.set(url, fetching)
    return fetching
  }

  async function fill(url: string): Promise<Value> {
    try {
      const { content, maxAgeMs } = await fetchDocument(url)
      const value = parse(content, url)
      const now = Date.now()
      const freshUntil = now + Math.min(Math.max(maxAgeMs, MIN_TTL_MS), MAX_TTL_MS)
      const cache = kept.has(url) ? kept : others
      cache.set(url, { value, fetchedAt: now, freshUntil, expiresAt: now + MAX_TTL_MS })
      failures.delete(url)
      return value
    } catch (error) {
      failures.set(url, { error, failedAt: Date.now() })
      if (error instanceof DocumentUnavailableError) return useFallback(find(url), error)
      kept.delete(url)
      others.delete(url)
      throw error
    }
  }

  /** The recent failure of a document. */
  function findFailure(url: string): Failure | undefined {
    const failure = failures.get(url)
    return failure !== undefined && isRecent(failure.failedAt) ? failure : undefined
  }

  return {
    async read(url, requester) {
      const document = find(url)
      if (document !== undefined && Date.now() < document.freshUntil) return document.value
      const failure = findFailure(url)
      return failure === undefined ? load(url, requester) : useFallback(document, failure.error)
    },
    async refresh(url, requester) {
      const document = find(url)
      const failure = findFailure(url)
      if (failure !== undefined) return useFallback(document, failure.error)
      return document !== undefined && isRecent(document.fetchedAt) ? document.value : load(url, requester)
    },
    keep(url) {
      const document = others.get(url)
      if (document === undefined) return
      others.delete(url)
      kept.set(url, document)
    },
  }
}

function isRecent(time: number): boolean {
  return Date.now() - time < RETRY_INTERVAL_MS
}

async function useFallback<Value>(
  document: GoodDocument<Value> | undefined,
  failure: unknown,
): Promise<Value> {
  if (document === undefined || Date.now() >= document.expiresAt) throw failure
  return document.value
}
