import {
  isJsonContentType,
  SERVER_INFO_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server'
import { isRecord, type JsonRpcId } from './json-rpc.ts'
import type { McpHeaders, Route } from './mcp-request.ts'
import type { ToolVariant } from './tool-catalogue.ts'

/** The revision that carries its envelope in every request. */
export const MODERN_REVISION = '2026-07-28'

/** How long a client may keep a list, in ms, and that nobody else may see it (MCP 2026-07-28, caching). */
export const LIST_CACHE = { ttlMs: 300_000, cacheScope: 'private' as const }

/** How this server introduces itself. */
export interface ServerInfo {
  name: string
  title: string
  version: string
}

/** A `tools/list` that is right in every respect. */
export interface ListRequest {
  id: JsonRpcId
  isModern: boolean
}

/**
 * Whether a request is a `tools/list` that is plainly valid in its revision, and so can be answered from what is
 * prepared. Everything else, and everything doubtful, is left to the SDK, which knows how to refuse it.
 */
export function findListRequest(body: unknown, headers: McpHeaders, route: Route): ListRequest | undefined {
  if (!isRecord(body) || body.method !== 'tools/list' || !isJsonContentType(headers.contentType ?? null)) {
    return undefined
  }
  const { id, params } = body
  if (typeof id !== 'string' && typeof id !== 'number') return undefined
  if (params !== undefined && (!isRecord(params) || 'cursor' in params)) return undefined
  const isValid =
    route.kind === 'modern' ? isValidModern(headers, route) : isValidLegacy(headers, route, params)
  return isValid ? { id, isModern: route.kind === 'modern' } : undefined
}

function isValidModern(headers: McpHeaders, route: Extract<Route, { kind: 'modern' }>): boolean {
  // That both agree with the body has been seen to; that they are there has not.
  const hasHeaders = headers.protocolVersion !== undefined && headers.method !== undefined
  return hasHeaders && route.messageKind === 'request' && route.classification.revision === MODERN_REVISION
}

function isValidLegacy(
  { accept = '', protocolVersion }: McpHeaders,
  route: Route,
  params: Record<string, unknown> | undefined,
): boolean {
  const acceptsBoth = accept.includes('application/json') && accept.includes('text/event-stream')
  const isKnown = protocolVersion === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(protocolVersion)
  return route.kind === 'legacy' && acceptsBoth && isKnown && params?._meta === undefined
}

const HEAD = Buffer.from('{"jsonrpc":"2.0","result":')

/** The answer to a `tools/list` in pieces, of which the long one is ready; it equals what the SDK would answer. */
export function encodeListAnswer(
  { listJson }: ToolVariant,
  { id, isModern }: ListRequest,
  serverInfo: ServerInfo,
): Buffer[] {
  const modern = { resultType: 'complete', ...LIST_CACHE, _meta: { [SERVER_INFO_META_KEY]: serverInfo } }
  const rest = isModern ? `,${JSON.stringify(modern).slice(1)}` : '}'
  return [HEAD, listJson, Buffer.from(`${rest},"id":${JSON.stringify(id)}}`)]
}
