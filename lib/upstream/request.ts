import { TransientError } from '../errors.ts'
import { readBounded } from '../http/read-bounded.ts'

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

export interface SentryRequest extends RequestInit {
  /** Covers the response body too. */
  timeoutMs?: number
  maxBytes?: number
}

export interface SentryResponse {
  status: number
  /** The parsed body; undefined if it is not JSON. */
  body: unknown
}

/**
 * Sends a request of our own to Sentry, limited in time and size. Redirects are not followed, since they could carry
 * credentials elsewhere. Throws `UpstreamUnavailableError`.
 */
export async function requestSentry(
  url: URL,
  { timeoutMs = DEFAULT_TIMEOUT_MS, maxBytes = DEFAULT_MAX_BYTES, ...init }: SentryRequest = {},
): Promise<SentryResponse> {
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json', ...init.headers },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = (await readBounded(response.body, maxBytes)).toString('utf8')
    return { status: response.status, body: parseJson(text) }
  } catch (cause) {
    throw new UpstreamUnavailableError(cause)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
