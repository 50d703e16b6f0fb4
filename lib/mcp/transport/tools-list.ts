import {
  isJsonContentType,
  SERVER_INFO_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server'
import type { ToolVariant } from '../tools/catalogue.ts'
import { isRecord, type JsonRpcId } from './json-rpc.ts'
import { classifyRequest, type McpHeaders, type Route } from './request.ts'

/** The revision that carries its envelope in every request. */
export const MODERN_REVISION = '2026-07-28'

const LEGACY_REVISIONS = new Set(
  SUPPORTED_PROTOCOL_VERSIONS.filter((revision) => revision !== MODERN_REVISION),
)

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
export function findListRequest(body: unknown, headers: McpHeaders): ListRequest | undefined {
  if (!isRecord(body) || body.method !== 'tools/list' || body.jsonrpc !== '2.0') return undefined
  const { id, params } = body
  if (typeof id !== 'string' && typeof id !== 'number') return undefined
  if (params !== undefined && (!isRecord(params) || 'cursor' in params)) return undefined
  if (!isJsonContentType(headers.contentType ?? null)) return undefined
  if (isValidLegacy(headers, params)) return { id, isModern: false }
  return isValidModern(headers, classifyRequest(body, headers)) ? { id, isModern: true } : undefined
}

function isValidModern({ protocolVersion, method }: McpHeaders, route: Route): boolean {
  // That both agree with the body has been seen to; that they are there has not.
  if (route.kind !== 'modern' || protocolVersion === undefined || method === undefined) return false
  return route.messageKind === 'request' && route.classification.revision === MODERN_REVISION
}

function isValidLegacy(
  { accept = '', protocolVersion, method, name }: McpHeaders,
  params: Record<string, unknown> | undefined,
): boolean {
  const acceptsBoth = accept.includes('application/json') && accept.includes('text/event-stream')
  const isKnown = protocolVersion === undefined || LEGACY_REVISIONS.has(protocolVersion)
  const hasNothingModern = params?._meta === undefined && method === undefined && name === undefined
  return acceptsBoth && isKnown && hasNothingModern
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
