import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { isIP } from 'node:net'
import { TransientError } from '../errors.ts'
import { readBounded } from '../http/read-bounded.ts'
import { createLookup, type Network, resolveAllowed } from './network.ts'

/** Limit for name resolution, connection, TLS and response together. */
const FETCH_TIMEOUT_MS = 5_000

/** Another party's JSON document. */
export interface FetchedDocument {
  content: unknown
  /** How long it may be cached according to its headers; 0 when they do not say. */
  maxAgeMs: number
}

/** The document could not be fetched. `cause` says why, for the log only. */
export class DocumentUnavailableError extends TransientError {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, {
      publicMessage: 'What the client publishes about itself cannot be fetched. Try again in a minute.',
      retryAfterSeconds: 60,
      cause: options?.cause,
    })
  }
}

/**
 * Fetches a JSON document of at most `maxBytes` from an https URL that an untrusted party named. It connects to allowed
 * addresses only, follows no redirect, sends no credentials, and ends within five seconds. Throws
 * `DocumentUnavailableError`.
 */
export async function fetchDocument(
  url: string,
  { network, maxBytes }: { network: Network; maxBytes: number },
): Promise<FetchedDocument> {
  try {
    assertNamedHttps(url)
    // An agent may connect through a proxy, and then does not call `lookup`.
    if (network.agent !== undefined) await resolveAllowed(new URL(url).hostname, network)
    const response = await sendRequest(url, network)
    try {
      assertJson(response)
      const text = new TextDecoder('utf-8', { fatal: true }).decode(await readBounded(response, maxBytes))
      return { content: JSON.parse(text), maxAgeMs: readMaxAge(response) }
    } finally {
      response.destroy()
    }
  } catch (cause) {
    throw new DocumentUnavailableError(`${url} could not be fetched.`, { cause })
  }
}

/** Node connects to an address in a URL without calling `lookup`, so the host must be a name. */
function assertNamedHttps(url: string): void {
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'https:') throw new Error('Only https is fetched.')
  if (hostname.startsWith('[') || isIP(hostname) !== 0) throw new Error('Only named hosts are fetched from.')
}

function sendRequest(url: string, network: Network): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request(url, {
    // Without a proxy, a new connection, for which Node calls `lookup`.
    agent: network.agent ?? false,
    lookup: createLookup(network),
    ca: network.ca,
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  })
    .on('response', resolve)
    .on('error', reject)
    .end()
  return promise
}

function assertJson({ statusCode, headers }: IncomingMessage): void {
  if (statusCode !== 200) throw new Error(`The response has status ${statusCode}.`)
  if (!/^application\/([a-z0-9.+-]+\+)?json *(;|$)/i.test(headers['content-type'] ?? '')) {
    throw new Error('The response is not JSON.')
  }
}

/** What is left of the response's max-age (RFC 9111 §5.2.2, §5.1), in ms. */
function readMaxAge({ headers }: IncomingMessage): number {
  const policy = headers['cache-control'] ?? ''
  if (/\bno-(store|cache)\b/i.test(policy)) return 0
  const maxAge = Number(/\bmax-age="?(\d{1,9})/i.exec(policy)?.[1] ?? 0)
  const age = Number(/^\d{1,9}$/.exec(headers.age ?? '')?.[0] ?? 0)
  return Math.max(0, maxAge - age) * 1000
}
