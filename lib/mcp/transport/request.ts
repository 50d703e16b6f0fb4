import type { IncomingHttpHeaders } from 'node:http'
import { classifyInboundRequest } from '@modelcontextprotocol/server'
import type { FastifyBaseLogger } from 'fastify'

/** The last revision that has batches, and the one of a client that names none (MCP 2025-06-18, transports). */
const LAST_WITH_BATCHES = '2025-03-26'

/** A POST to the endpoint, its body parsed as JSON. */
export interface McpRequest {
  headers: IncomingHttpHeaders
  body: unknown
  /** Ends when the client goes away. */
  signal: AbortSignal
  /** What an operator finds the request's log entries by. */
  reference: string
  log: FastifyBaseLogger
}

/** The headers that MCP speaks of. */
export interface McpHeaders {
  accept: string | undefined
  contentType: string | undefined
  protocolVersion: string | undefined
  method: string | undefined
  name: string | undefined
}

/** Which era of MCP a request belongs to, or why it belongs to none. */
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

/** Decides by the body first: an envelope in it makes a request one of 2026-07-28. */
export function classifyRequest(body: unknown, headers: McpHeaders): Route {
  return classifyInboundRequest({
    httpMethod: 'POST',
    body,
    protocolVersionHeader: headers.protocolVersion,
    mcpMethodHeader: headers.method,
    mcpNameHeader: headers.name,
  })
}

/** Revisions are dates, and later ones no longer know batches. */
export function allowsBatch({ protocolVersion = LAST_WITH_BATCHES }: McpHeaders): boolean {
  return protocolVersion.trim() <= LAST_WITH_BATCHES
}

export function acceptsStream({ accept = '*/*' }: McpHeaders): boolean {
  return accept.includes('text/event-stream') || accept.includes('*/*')
}

/** The request as the SDK reads it. What MCP does not speak of, credentials above all, stays behind. */
export function toWebRequest({ headers, signal }: McpRequest): Request {
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
