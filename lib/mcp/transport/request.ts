import type { IncomingHttpHeaders } from 'node:http'
import { classifyInboundRequest } from '@modelcontextprotocol/server'
import type { McpRequest } from '../context.ts'
import { isRecord } from './json-rpc.ts'

/** The last revision with batches, which also applies to a request that names none (MCP 2025-06-18, transports). */
const LAST_WITH_BATCHES = '2025-03-26'

/** The most messages of a batch. */
export const MAX_BATCH = 10

/** The headers that MCP defines. */
export interface McpHeaders {
  accept: string | undefined
  contentType: string | undefined
  protocolVersion: string | undefined
  method: string | undefined
  name: string | undefined
}

/** The era of MCP that a request belongs to, or why the request is invalid. */
export type Route = ReturnType<typeof classifyInboundRequest>

export function readMcpHeaders(headers: IncomingHttpHeaders): McpHeaders {
  return {
    accept: headers.accept,
    contentType: headers['content-type'],
    protocolVersion: readHeader(headers, 'mcp-protocol-version'),
    method: readHeader(headers, 'mcp-method'),
    name: readHeader(headers, 'mcp-name'),
  }
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

export function acceptsStream({ accept = '*/*' }: McpHeaders): boolean {
  return accept.includes('text/event-stream') || accept.includes('*/*')
}

/** The request for the SDK, with only the headers that MCP defines: above all, without credentials. */
export function toWebRequest({ headers, signal }: Pick<McpRequest, 'headers' | 'signal'>): Request {
  const names = Object.keys(headers).filter((name) => /^(accept|content-type|mcp-.*)$/.test(name))
  return new Request('http://localhost/mcp', {
    method: 'POST',
    headers: names.map((name): [string, string] => [name, readHeader(headers, name) ?? '']),
    signal,
  })
}

function readHeader(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** How many tools a request calls: a batch may call several. */
export function countToolCalls(body: unknown): number {
  return [body].flat().filter((message) => isRecord(message) && message.method === 'tools/call').length
}
