import { TransientError } from '../errors.ts'

/** How long Sentry may take to answer a request of our own, in ms, where the request does not say. */
const TIMEOUT = 10_000

/** The longest answer to a request of our own that makes sense, in bytes, where the request does not say. */
const MAX_ANSWER = 1024 * 1024

/** Sentry did not answer, not in time, or not in a way that says yes or no. The outcome is unknown. */
export class UpstreamUnavailableError extends TransientError {
  constructor(cause: unknown) {
    super('Sentry is unavailable.', {
      publicMessage: 'Sentry is unavailable. Try again in a moment.',
      cause,
    })
  }
}

export interface SentryRequest extends RequestInit {
  /** In ms, the answer included. */
  timeout?: number
  /** How long the answer may be, in bytes. */
  maxAnswer?: number
}

export interface SentryAnswer {
  status: number
  /** The body, parsed; undefined where it is not JSON. */
  body: unknown
}

/**
 * Sends a request of our own to Sentry, within limits of time and size and without following redirects, which
 * could carry credentials elsewhere. Throws `UpstreamUnavailableError`.
 */
export async function requestSentry(
  url: URL,
  { timeout = TIMEOUT, maxAnswer = MAX_ANSWER, ...init }: SentryRequest = {},
): Promise<SentryAnswer> {
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json', ...init.headers },
      redirect: 'error',
      signal: AbortSignal.timeout(timeout),
    })
    return { status: response.status, body: parseJson(await readText(response, maxAnswer)) }
  } catch (cause) {
    throw new UpstreamUnavailableError(cause)
  }
}

async function readText(response: Response, maxAnswer: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > maxAnswer) throw new RangeError('The answer is too long.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
