import { TransientError } from '../errors.ts'
import { readBounded } from '../http/read-bounded.ts'
import type { SentryLocation } from './location.ts'

/** Of a request of our own to Sentry, unless it sets its own timeout. */
const DEFAULT_TIMEOUT_MS = 10_000

/** The longest response to a request of our own, unless it sets its own limit. */
const DEFAULT_MAX_BYTES = 1024 * 1024

/** Sentry did not respond, or not in time, or with neither success nor refusal. The outcome is unknown. */
export class UpstreamUnavailableError extends TransientError {
  constructor(cause: unknown) {
    super('Sentry is unavailable.', {
      publicMessage: 'Sentry is unavailable. Try again in a moment.',
      cause,
    })
  }
}

export interface SentryRequest extends Omit<RequestInit, 'redirect' | 'signal'> {
  /** Covers the response body too. */
  timeoutMs?: number
  maxBytes?: number
  /** Whether a web page is a response of Sentry's own; elsewhere only something in front of Sentry responds with one. */
  acceptsPage?: boolean
}

export interface SentryResponse {
  status: number
  /** The parsed body; undefined if it is not JSON. */
  body: unknown
}

/**
 * `fetch` for a URL of Sentry, and the one place where requests to it are sent: to the address and with the headers and
 * the client certificate of its route. Redirects are not followed, since they could carry credentials elsewhere.
 */
export function fetchSentry(
  sentry: Pick<SentryLocation, 'routeTo'>,
  target: URL,
  init: Omit<RequestInit, 'redirect'> = {},
): Promise<Response> {
  const { url, headers: added, dispatcher } = sentry.routeTo(target)
  const headers = new Headers(init.headers)
  for (const [name, value] of Object.entries(added)) headers.set(name, value)
  return fetch(url, { ...init, headers, redirect: 'manual', dispatcher })
}

/** Sends a request of our own to Sentry, limited in time and size. Throws `UpstreamUnavailableError`. */
export async function requestSentry(
  sentry: Pick<SentryLocation, 'origin' | 'routeTo'>,
  path: string,
  { timeoutMs = DEFAULT_TIMEOUT_MS, maxBytes = DEFAULT_MAX_BYTES, acceptsPage, ...init }: SentryRequest = {},
): Promise<SentryResponse> {
  try {
    const response = await fetchSentry(sentry, new URL(path, sentry.origin), {
      ...init,
      headers: { accept: 'application/json', ...init.headers },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const { status, headers } = response
    const text = (await readBounded(response.body, maxBytes)).toString('utf8')
    const redirect =
      status >= 300 && status < 400 ? URL.parse(headers.get('location') ?? '', sentry.origin) : null
    if (redirect !== null) throw new Error(`Sentry redirects to ${redirect.origin}, which is not followed.`)
    const foreign = acceptsPage ? undefined : findForeignBody(response, text)
    if (foreign !== undefined) throw new Error(describeForeignBody(status, foreign))
    return { status, body: parseJson(text) }
  } catch (cause) {
    throw new UpstreamUnavailableError(cause)
  }
}

/**
 * What something in front of Sentry responded in its place: a page or, as a refusal, a text. Sentry's API and its OAuth
 * endpoints respond with JSON, or with nothing where a route is missing.
 */
export function findForeignBody(
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  text: string,
): 'a web page' | 'a text' | undefined {
  const isHtml = /^text\/html\b/i.test(headers.get('content-type') ?? '')
  if (isHtml && /^\s*</.test(text)) return 'a web page'
  // A 401 with a plain text may be Sentry's: the renewal that follows goes through the same proxy, which refuses it too.
  const isRefusal = status === 403 || status === 407 || (status === 401 && isHtml)
  return isRefusal && text.trim() !== '' && parseJson(text) === undefined ? 'a text' : undefined
}

/** A sentence about such a response. */
export function describeForeignBody(status: number, what: string): string {
  return `Something in front of Sentry responded (HTTP ${status}, ${what}), and the request did not reach Sentry.`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
