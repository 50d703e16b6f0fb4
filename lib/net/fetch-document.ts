import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { isIP } from 'node:net'
import { TransientError } from '../errors.ts'
import { createLookup, type Network, refuseForbidden } from './network.ts'

/** How long everything together may take: name server, connection, TLS and the answer, in ms. */
const DEADLINE = 5_000

/** A JSON document of somebody else's. */
export interface FetchedDocument {
  content: unknown
  /** How long it holds by its own word, in ms; 0 when it says nothing. */
  lifetime: number
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
 * Fetches a JSON document of at most `maxBytes` from an https URL that somebody else named. It goes only where the
 * network allows, follows no redirect, sends nothing but the request, and ends within five seconds. Throws
 * `DocumentUnavailableError`.
 */
export async function fetchDocument(
  url: string,
  { network, maxBytes }: { network: Network; maxBytes: number },
): Promise<FetchedDocument> {
  try {
    checkUrl(url)
    // An agent may go through a proxy, where `lookup` is not asked.
    if (network.agent !== undefined) await refuseForbidden(new URL(url).hostname, network)
    const response = await send(url, network)
    try {
      checkResponse(response)
      const content: unknown = JSON.parse(await readText(response, maxBytes))
      return { content, lifetime: readLifetime(response) }
    } finally {
      response.destroy()
    }
  } catch (cause) {
    throw new DocumentUnavailableError(`${url} could not be fetched.`, { cause })
  }
}

/** Node connects to an address in a URL without asking `lookup`, so there must be a name. */
function checkUrl(url: string): void {
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'https:') throw new Error('Only https is fetched.')
  if (hostname.startsWith('[') || isIP(hostname) !== 0) throw new Error('Only named hosts are fetched from.')
}

function send(url: string, network: Network): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request(url, {
    // Without a proxy a connection of its own, which `lookup` is asked for.
    agent: network.agent ?? false,
    lookup: createLookup(network),
    ca: network.ca,
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    signal: AbortSignal.timeout(DEADLINE),
  })
    .on('response', resolve)
    .on('error', reject)
    .end()
  return promise
}

function checkResponse({ statusCode, headers }: IncomingMessage): void {
  if (statusCode !== 200) throw new Error(`The answer has status ${statusCode}.`)
  if (!/^application\/([a-z0-9.+-]+\+)?json *(;|$)/i.test(headers['content-type'] ?? '')) {
    throw new Error('The answer is not JSON.')
  }
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response) {
    length += chunk.length
    if (length > maxBytes) throw new Error(`The answer is longer than ${maxBytes} bytes.`)
    chunks.push(chunk)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}

/** RFC 9111 §5.2.2 and §5.1: what is left of the age that the answer may reach. */
function readLifetime({ headers }: IncomingMessage): number {
  const policy = headers['cache-control'] ?? ''
  if (/\bno-(store|cache)\b/i.test(policy)) return 0
  const maxAge = Number(/\bmax-age="?(\d{1,9})/i.exec(policy)?.[1] ?? 0)
  const age = Number(/^\d{1,9}$/.exec(headers.age ?? '')?.[0] ?? 0)
  return Math.max(0, maxAge - age) * 1000
}
