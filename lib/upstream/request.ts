import { STATUS_CODES } from 'node:http'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type Dispatcher, request } from 'undici'
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

/** The part of `fetch`'s options that requests to Sentry have. */
export interface SentryFetch {
  method?: string | undefined
  headers?: RequestInit['headers']
  body?: RequestInit['body'] | undefined
  signal?: AbortSignal
}

export interface SentryRequest extends Omit<SentryFetch, 'signal'> {
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

/** What is read of a response of Sentry, whose body has not been read yet. A `Response` of `fetch` is one too. */
export interface UpstreamResponse extends Pick<Response, 'status' | 'statusText' | 'ok' | 'headers'> {
  readonly body: UpstreamBody | null
}

/** Bytes after decompression. */
export interface UpstreamBody extends AsyncIterable<Uint8Array> {
  cancel(): Promise<void>
}

/** The responses without a body (Fetch, null body status). */
const EMPTY = [204, 205, 304]

/**
 * `fetch` for a URL of Sentry, and the one place where requests to it are sent: to the address and with the headers and
 * the client certificate of its route. Redirects are not followed, since they could carry credentials elsewhere. It has
 * no web streams, which cost more than the request. Throws what `fetch` throws.
 */
export async function fetchSentry(
  sentry: Pick<SentryLocation, 'routeTo'>,
  target: URL,
  init: SentryFetch = {},
): Promise<UpstreamResponse> {
  const { url, headers: added, dispatcher } = sentry.routeTo(target)
  const { method = 'GET', signal } = init
  const headers = new Headers({ accept: '*/*', 'user-agent': 'node', 'accept-encoding': 'gzip' })
  const { body, type } = await readBody(init.body)
  if (type !== null) headers.set('content-type', type)
  for (const [name, value] of new Headers(init.headers)) headers.set(name, value)
  for (const [name, value] of Object.entries(added)) headers.set(name, value)
  try {
    const options = { dispatcher, method: method as Dispatcher.HttpMethod, headers, signal }
    return toResponse(await request(url, { ...options, body }))
  } catch (cause) {
    signal?.throwIfAborted()
    throw new TypeError('fetch failed', { cause })
  }
}

/** The bytes and the media type of what `fetch` takes as a body. */
async function readBody(
  body: SentryFetch['body'],
): Promise<{ body: string | Buffer | null; type: string | null }> {
  if (body === undefined || body === null) return { body: null, type: null }
  if (typeof body === 'string') return { body, type: 'text/plain;charset=UTF-8' }
  const read = new Response(body)
  return { body: Buffer.from(await read.arrayBuffer()), type: read.headers.get('content-type') }
}

function toResponse({ statusCode: status, headers, body }: Dispatcher.ResponseData): UpstreamResponse {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, one]),
  )
  const response = {
    status,
    statusText: STATUS_CODES[status] ?? '',
    ok: status >= 200 && status < 300,
    headers: new Headers(entries),
  }
  if (EMPTY.includes(status)) {
    body.resume()
    return { ...response, body: null }
  }
  const isPacked = /^(x-)?gzip$/i.test(response.headers.get('content-encoding') ?? '')
  // The reader gets the errors of both streams.
  const bytes: AsyncIterable<Uint8Array> = isPacked ? pipeline(body, createGunzip(), () => undefined) : body
  return {
    ...response,
    body: {
      [Symbol.asyncIterator]: () => bytes[Symbol.asyncIterator](),
      cancel: () => body.dump(),
    },
  }
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
