import { explainFailure, type Failure } from './explain-failure.ts'

/** How long an answer may take, in ms. */
const TIMEOUT = 5_000

/** How much of an answer is looked at, in bytes. */
const MAX_BODY = 256 * 1024

export interface Answer {
  status: number
  headers: Headers
  /** The beginning of the body. */
  text: string
  /** The body, parsed; undefined where it is not a JSON object. */
  json: Record<string, unknown> | undefined
  /** When it came, in ms since the epoch. */
  at: number
}

/** There was no answer. The message says why. */
export class ProbeError extends Error {
  override readonly name = 'ProbeError'
  readonly failure: Failure

  constructor(cause: unknown) {
    const failure = explainFailure(cause)
    super(failure.reason, { cause })
    this.failure = failure
  }
}

/** Asks once, follows no redirect, and waits 5 s at most. Throws `ProbeError`. */
export async function probe(url: string | URL, init: RequestInit = {}): Promise<Answer> {
  try {
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT),
    })
    const at = Date.now()
    const text = await readBeginning(response)
    return { status: response.status, headers: response.headers, text, json: parseObject(text), at }
  } catch (cause) {
    throw new ProbeError(cause)
  }
}

/** Where an answer redirects to, if that is another origin than it was asked for at. */
export function findForeignRedirect(answer: Answer, url: string): URL | undefined {
  const location = answer.headers.get('location')
  if (answer.status < 300 || answer.status > 399 || location === null) return undefined
  const target = URL.parse(location, url)
  return target === null || target.origin === new URL(url).origin ? undefined : target
}

async function readBeginning(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > MAX_BODY) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}
