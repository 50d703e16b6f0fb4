import { UpstreamUnavailableError } from './sentry-oauth.ts'

/** How long Sentry may take to answer a request of our own, in ms. */
const TIMEOUT = 10_000

/** The longest answer to a request of our own that makes sense, in bytes. */
const MAX_ANSWER = 1024 * 1024

export interface SentryAnswer {
  status: number
  /** The body, parsed; undefined where it is not JSON. */
  body: unknown
}

/**
 * Sends a request of our own to Sentry, within limits of time and size and without following redirects, which
 * could carry credentials elsewhere. Throws `UpstreamUnavailableError`.
 */
export async function requestSentry(url: URL, init: RequestInit = {}): Promise<SentryAnswer> {
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json', ...init.headers },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT),
    })
    return { status: response.status, body: parseJson(await readText(response)) }
  } catch (cause) {
    throw new UpstreamUnavailableError(cause)
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_ANSWER) throw new RangeError('The answer is too long.')
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
