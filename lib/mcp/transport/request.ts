import type { IncomingHttpHeaders } from 'node:http'
import { classifyInboundRequest, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'
import type { McpRequest } from '../context.ts'
import { type AcceptedTypes, readAccept } from './accept.ts'
import { isRecord } from './json-rpc.ts'

/** The last revision with batches, which also applies to a request that names none (MCP 2025-06-18, transports). */
const LAST_WITH_BATCHES = '2025-03-26'

/** The revision whose requests each carry an envelope. */
export const MODERN_REVISION = '2026-07-28'

const KNOWN_REVISIONS = new Set([...SUPPORTED_PROTOCOL_VERSIONS, MODERN_REVISION])

/** The most messages of a batch. */
export const MAX_BATCH = 10

/** The headers that MCP defines. The media type of the body is JSON: another one is refused before it is read. */
export interface McpHeaders {
  accept: AcceptedTypes
  protocolVersion: string | undefined
  method: string | undefined
  name: string | undefined
}

/** The era of MCP that a request belongs to, or why the request is invalid. */
export type Route = ReturnType<typeof classifyInboundRequest>

/**
 * Reads the headers of a request. `initialize` negotiates the revision by its body, so a revision in its header that this
 * server does not know is not an error (MCP 2025-11-25, lifecycle: the header is for subsequent requests).
 */
export function readMcpHeaders({ headers, body }: Pick<McpRequest, 'headers' | 'body'>): McpHeaders {
  const revision = readHeader(headers, 'mcp-protocol-version')
  const isInitialize = isRecord(body) && body.method === 'initialize'
  const ignoresRevision = isInitialize && !KNOWN_REVISIONS.has(revision?.trim() ?? '')
  return {
    accept: readAccept(headers.accept),
    protocolVersion: ignoresRevision ? undefined : revision,
    method: readHeader(headers, 'mcp-method'),
    name: readHeader(headers, 'mcp-name'),
  }
}

/**
 * The revision that a request names, for the metrics: in its header or, at `initialize`, in its body. `none` if it names
 * none, as before 2025-06-18, and `other` if this server does not know it.
 */
export function findRevision({ headers, body }: Pick<McpRequest, 'headers' | 'body'>): string {
  const initialized = isRecord(body) && isRecord(body.params) ? body.params.protocolVersion : undefined
  const revision = readHeader(headers, 'mcp-protocol-version')?.trim() ?? initialized
  if (revision === undefined) return 'none'
  return typeof revision === 'string' && KNOWN_REVISIONS.has(revision) ? revision : 'other'
}

/** The body decides first: a request with an envelope is one of 2026-07-28. */
export function classifyRequest(body: unknown, headers: McpHeaders): Route {
  return classifyInboundRequest({
    httpMethod: 'POST',
    body,
    protocolVersionHeader: headers.protocolVersion,
    mcpMethodHeader: headers.method,
    mcpNameHeader: headers.name,
  })
}

/** Revisions are dates; later ones have no batches. */
export function allowsBatch({ protocolVersion = LAST_WITH_BATCHES }: McpHeaders): boolean {
  return protocolVersion.trim() <= LAST_WITH_BATCHES
}

/**
 * The request for the SDK, with only the headers that MCP defines: above all, without credentials. Its `Accept` is what
 * the SDK insists on; `streamIfSlow` responds with what the client accepts.
 */
export function toWebRequest({
  headers,
  body,
  signal,
}: Pick<McpRequest, 'headers' | 'body' | 'signal'>): Request {
  const { protocolVersion } = readMcpHeaders({ headers, body })
  const names = Object.keys(headers).filter((name) => name.startsWith('mcp-'))
  const forwarded = new Headers(
    names.map((name): [string, string] => [name, readHeader(headers, name) ?? '']),
  )
  if (protocolVersion === undefined) forwarded.delete('mcp-protocol-version')
  forwarded.set('accept', 'application/json, text/event-stream')
  forwarded.set('content-type', 'application/json')
  return new Request('http://localhost/mcp', { method: 'POST', headers: forwarded, signal })
}

function readHeader(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** How many tools a request calls: a batch may call several. */
export function countToolCalls(body: unknown): number {
  return [body].flat().filter((message) => isRecord(message) && message.method === 'tools/call').length
}
