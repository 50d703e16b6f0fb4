import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  isSpecType,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server'
import { isRecord, type JsonRpcId } from './json-rpc.ts'
import { classifyRequest, type McpHeaders, MODERN_REVISION } from './request.ts'

/** The revisions that are negotiated by `initialize`, newest first. */
export const LEGACY_REVISIONS: readonly string[] = SUPPORTED_PROTOCOL_VERSIONS.filter(
  (revision) => revision !== MODERN_REVISION,
)

/** The parameters of `tools/call`. */
export interface CallParams {
  name: string
  arguments?: Record<string, unknown>
  _meta?: { progressToken?: string | number }
}

/** A valid request that needs no server of the SDK. */
export type DirectRequest =
  | { method: 'notification' }
  | { method: 'ping'; id: JsonRpcId }
  | { method: 'initialize'; id: JsonRpcId; params: { protocolVersion: string } }
  | { method: 'tools/list'; id: JsonRpcId; isModern: boolean }
  | { method: 'tools/call'; id: JsonRpcId; isModern: boolean; params: CallParams }

/** The SDK's checks of the methods that need no server of it. Those of 2026-07-28 have no handshake. */
const LEGACY_CHECKS: Readonly<Record<string, (value: unknown) => boolean>> = {
  initialize: isSpecType.InitializeRequest,
  ping: isSpecType.PingRequest,
  'tools/list': isSpecType.ListToolsRequest,
  'tools/call': isSpecType.CallToolRequest,
}
const MODERN_CHECKS: typeof LEGACY_CHECKS = {
  'tools/list': isSpecType.ListToolsRequest,
  'tools/call': isSpecType.CallToolRequest,
}

/** Parameters for which the SDK does more than to call the handler of the method. */
const EXTENSIONS = ['cursor', 'task', 'inputResponses', 'requestState']

/** The names in `_meta` that MCP reserves, such as those of the envelope of 2026-07-28. */
const RESERVED = 'io.modelcontextprotocol/'

/**
 * Recognizes a request that is valid in its revision and whose response is known without a server of the SDK, which
 * costs more than the rest of the request. Any other request goes to the SDK, which also refuses what is invalid.
 * `test/lib/mcp/transport/direct-request.test.ts` compares both.
 */
export function findDirectRequest(body: unknown, headers: McpHeaders): DirectRequest | undefined {
  if (!isRecord(body) || typeof body.method !== 'string') return undefined
  const { params = {} } = body
  if (!isRecord(params) || EXTENSIONS.some((name) => name in params)) return undefined
  if (isLegacy(headers, params._meta)) return findLegacy(body, headers)
  return isModern(body, headers) ? findRequest(body, MODERN_CHECKS, true) : undefined
}

function findLegacy(body: Record<string, unknown>, headers: McpHeaders): DirectRequest | undefined {
  // Nothing depends on a notification, since no state is kept between requests.
  if (body.id === undefined && isJSONRPCNotification(body)) return { method: 'notification' }
  return headers.accept.json ? findRequest(body, LEGACY_CHECKS, false) : undefined
}

function findRequest(
  body: Record<string, unknown>,
  checks: typeof LEGACY_CHECKS,
  isModern: boolean,
): DirectRequest | undefined {
  const check = Object.hasOwn(checks, String(body.method)) ? checks[String(body.method)] : undefined
  if (check === undefined || !isJSONRPCRequest(body) || !check(body)) return undefined
  // The checks have found this type.
  return { method: body.method, id: body.id, params: body.params, isModern } as DirectRequest
}

function isLegacy({ protocolVersion, method, name }: McpHeaders, meta: unknown): boolean {
  if (protocolVersion !== undefined && !LEGACY_REVISIONS.includes(protocolVersion)) return false
  if (method !== undefined || name !== undefined) return false
  return meta === undefined || !hasReserved(meta)
}

function hasReserved(meta: unknown): boolean {
  return isRecord(meta) && Object.keys(meta).some((name) => name.startsWith(RESERVED))
}

/** `classifyRequest` compares the headers with the body, but accepts that they are missing. */
function isModern(body: Record<string, unknown>, headers: McpHeaders): boolean {
  if (headers.protocolVersion !== MODERN_REVISION || headers.method === undefined) return false
  if (!headers.accept.json || !isRecord(body.params) || headers.name !== body.params.name) return false
  const route = classifyRequest(body, headers)
  return (
    route.kind === 'modern' &&
    route.messageKind === 'request' &&
    route.classification.revision === MODERN_REVISION
  )
}
