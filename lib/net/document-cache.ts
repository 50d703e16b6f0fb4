import { LRUCache } from 'lru-cache'
import { DocumentUnavailableError, type FetchedDocument } from './fetch-document.ts'

/** Other parties' documents, parsed, each cached for as long as it says. */
export interface DocumentCache<Value> {
  /** What the document at this URL says. Throws `DocumentUnavailableError`, or what `parse` refused it with. */
  read(url: string): Promise<Value>
  /** The same, fetched again unless that was tried within the last minute. */
  refresh(url: string): Promise<Value>
}

/** A value that may be served while its publisher cannot be reached (stale-if-error, RFC 5861 §4). */
interface Fallback<Value> {
  value: Value
  expiresAt: number
}

interface Entry<Value> {
  value: Promise<Value>
  fetchedAt: number
  /** Until when `value` is served, a failure as well as a document. */
  freshUntil: number
  fallback: Fallback<Value> | undefined
}

/** Bounds of how long a document is cached. */
const MIN_TTL_MS = 5 * 60_000
const MAX_TTL_MS = 24 * 3_600_000

/** How long a failure is cached. */
const RETRY_INTERVAL_MS = 60_000

const MAX_ENTRIES = 1_000
const MAX_CONCURRENT_FETCHES = 50

/**
 * An in-process cache of what `parse` makes of documents. Concurrent requests for one document share one fetch,
 * failures are cached too, and the numbers of documents and of concurrent fetches are bounded, so that a client
 * cannot use the server to send requests elsewhere. A document that cannot be fetched again is served until it is
 * 24 hours old.
 */
export function createDocumentCache<Value>(
  fetchDocument: (url: string) => Promise<FetchedDocument>,
  parse: (content: unknown, url: string) => Value,
): DocumentCache<Value> {
  const entries = new LRUCache<string, Entry<Value>>({ max: MAX_ENTRIES })
  let running = 0

  function load(url: string): Promise<Value> {
    const fallback = entries.get(url)?.fallback
    if (running >= MAX_CONCURRENT_FETCHES) {
      return useFallback(fallback, new DocumentUnavailableError('Too many documents are being fetched.'))
    }
    const { promise, resolve } = Promise.withResolvers<Value>()
    const entry = { value: promise, fetchedAt: Date.now(), freshUntil: Number.POSITIVE_INFINITY, fallback }
    entries.set(url, entry)
    resolve(fill(url, entry))
    return promise
  }

  async function fill(url: string, entry: Entry<Value>): Promise<Value> {
    running += 1
    try {
      const { content, maxAgeMs } = await fetchDocument(url)
      const value = parse(content, url)
      const now = Date.now()
      entry.fallback = { value, expiresAt: now + MAX_TTL_MS }
      entry.freshUntil = now + Math.min(Math.max(maxAgeMs, MIN_TTL_MS), MAX_TTL_MS)
      return value
    } catch (error) {
      entry.freshUntil = Date.now() + RETRY_INTERVAL_MS
      if (error instanceof DocumentUnavailableError) return useFallback(entry.fallback, error)
      entry.fallback = undefined
      throw error
    } finally {
      running -= 1
    }
  }

  return {
    read(url) {
      const entry = entries.get(url)
      return entry === undefined || Date.now() >= entry.freshUntil ? load(url) : entry.value
    },
    refresh(url) {
      const entry = entries.get(url)
      const isRecent = entry !== undefined && Date.now() - entry.fetchedAt < RETRY_INTERVAL_MS
      return isRecent ? entry.value : load(url)
    },
  }
}

async function useFallback<Value>(
  fallback: Fallback<Value> | undefined,
  failure: DocumentUnavailableError,
): Promise<Value> {
  if (fallback === undefined || Date.now() >= fallback.expiresAt) throw failure
  return fallback.value
}
