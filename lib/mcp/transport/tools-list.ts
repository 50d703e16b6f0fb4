import { SERVER_INFO_META_KEY, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'
import type { ToolVariant } from '../tools/catalogue.ts'
import { isRecord, type JsonRpcId } from './json-rpc.ts'
import { classifyRequest, type McpHeaders, MODERN_REVISION, type Route } from './request.ts'

const LEGACY_REVISIONS = new Set(
  SUPPORTED_PROTOCOL_VERSIONS.filter((revision) => revision !== MODERN_REVISION),
)

/** For how long a client may cache a list, and that the cache is private (MCP 2026-07-28, caching). */
export const LIST_CACHE = { ttlMs: 300_000, cacheScope: 'private' as const }

/** What clients know and show of this server (MCP 2025-11-25, `Implementation`). */
export interface ServerInfo {
  name: string
  title: string
  version: string
  icons: { src: string; mimeType: string; sizes: string[] }[]
  websiteUrl: string
}

/** A valid `tools/list` request. */
export interface ListRequest {
  id: JsonRpcId
  isModern: boolean
}

/**
 * Recognizes a `tools/list` that is valid in its revision and gets the prepared response. Any other request goes to the
 * SDK, which lists the same tools several times slower, and refuses invalid requests.
 */
export function findListRequest(body: unknown, headers: McpHeaders): ListRequest | undefined {
  if (!isRecord(body) || body.method !== 'tools/list' || body.jsonrpc !== '2.0') return undefined
  const { id, params } = body
  if (typeof id !== 'string' && typeof id !== 'number') return undefined
  if (params !== undefined && (!isRecord(params) || 'cursor' in params)) return undefined
  if (!headers.accept.json) return undefined
  if (isValidLegacy(headers, params)) return { id, isModern: false }
  return isValidModern(headers, classifyRequest(body, headers)) ? { id, isModern: true } : undefined
}

function isValidModern({ protocolVersion, method }: McpHeaders, route: Route): boolean {
  // `classifyRequest` has compared both with the body, and accepts that they are missing.
  if (route.kind !== 'modern' || protocolVersion === undefined || method === undefined) return false
  return route.messageKind === 'request' && route.classification.revision === MODERN_REVISION
}

function isValidLegacy(
  { protocolVersion, method, name }: McpHeaders,
  params: Record<string, unknown> | undefined,
): boolean {
  const isKnown = protocolVersion === undefined || LEGACY_REVISIONS.has(protocolVersion)
  const isLegacy = params?._meta === undefined && method === undefined && name === undefined
  return isKnown && isLegacy
}

const HEAD = Buffer.from('{"jsonrpc":"2.0","result":')

/** The response to a `tools/list` in pieces, the long one prepared. It equals the SDK's response. */
export function encodeListResponse(
  { listJson }: ToolVariant,
  { id, isModern }: ListRequest,
  serverInfo: ServerInfo,
): Buffer[] {
  const modern = { resultType: 'complete', ...LIST_CACHE, _meta: { [SERVER_INFO_META_KEY]: serverInfo } }
  const rest = isModern ? `,${JSON.stringify(modern).slice(1)}` : '}'
  return [HEAD, listJson, Buffer.from(`${rest},"id":${JSON.stringify(id)}}`)]
}
