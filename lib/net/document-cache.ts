import { DocumentUnavailableError, type FetchedDocument } from './fetch-document.ts'

/** Documents of others, kept for as long as they hold. */
export interface DocumentCache<Value> {
  /** What the document at this URL says. Throws `DocumentUnavailableError`, or what the document was refused with. */
  read(url: string): Promise<Value>
  /** The same, fetched anew unless that was tried within the last minute. */
  readAnew(url: string): Promise<Value>
}

/** An answer that may stand in while its publisher cannot be reached, and until when. */
interface Good<Value> {
  value: Value
  until: number
}

interface Entry<Value> {
  value: Promise<Value>
  triedAt: number
  /** Until when `value` is answered. */
  freshUntil: number
  good: Good<Value> | undefined
}

/** Between these two a document is kept for as long as it says, in ms. */
const SHORTEST = 5 * 60_000
const LONGEST = 24 * 3_600_000

/** How long a failure is answered without trying again, in ms. */
const RETRY_INTERVAL = 60_000

const MAX_ENTRIES = 1_000
const MAX_AT_ONCE = 50

/**
 * A cache in this process for what `parse` makes of documents. Requests for the same document at the same time
 * share one fetch, failures are remembered too, and the number of documents and of fetches at once is bounded, so
 * that nobody can make the server fetch for them. A document that cannot be fetched any more is still answered
 * until it is 24 hours old.
 */
export function createDocumentCache<Value>(
  fetchDocument: (url: string) => Promise<FetchedDocument>,
  parse: (content: unknown, url: string) => Value,
): DocumentCache<Value> {
  const entries = new Map<string, Entry<Value>>()
  let running = 0

  function load(url: string): Promise<Value> {
    const good = entries.get(url)?.good
    if (running >= MAX_AT_ONCE)
      return standIn(good, new DocumentUnavailableError('Too much is being fetched.'))
    const { promise, resolve } = Promise.withResolvers<Value>()
    const entry = { value: promise, triedAt: Date.now(), freshUntil: Number.POSITIVE_INFINITY, good }
    keep(url, entry)
    resolve(fill(url, entry))
    return promise
  }

  async function fill(url: string, entry: Entry<Value>): Promise<Value> {
    running += 1
    try {
      const { content, lifetime } = await fetchDocument(url)
      const value = parse(content, url)
      const now = Date.now()
      entry.good = { value, until: now + LONGEST }
      entry.freshUntil = now + Math.min(Math.max(lifetime, SHORTEST), LONGEST)
      return value
    } catch (error) {
      entry.freshUntil = Date.now() + RETRY_INTERVAL
      if (error instanceof DocumentUnavailableError) return standIn(entry.good, error)
      entry.good = undefined
      throw error
    } finally {
      running -= 1
    }
  }

  /** Makes an entry the latest, which decides who goes when there are too many. */
  function keep(url: string, entry: Entry<Value>): void {
    entries.delete(url)
    entries.set(url, entry)
    const [oldest] = entries.keys()
    if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest)
  }

  return {
    read(url) {
      const entry = entries.get(url)
      if (entry === undefined || Date.now() >= entry.freshUntil) return load(url)
      keep(url, entry)
      return entry.value
    },
    readAnew(url) {
      const entry = entries.get(url)
      return entry !== undefined && Date.now() - entry.triedAt < RETRY_INTERVAL ? entry.value : load(url)
    },
  }
}

async function standIn<Value>(
  good: Good<Value> | undefined,
  failure: DocumentUnavailableError,
): Promise<Value> {
  if (good === undefined || Date.now() >= good.until) throw failure
  return good.value
}
