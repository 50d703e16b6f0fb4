import { type CallToolResult, SERVER_INFO_META_KEY, specTypeSchemas } from '@modelcontextprotocol/server'
import type { ToolVariant } from '../tools/catalogue.ts'
import { type DirectRequest, LEGACY_REVISIONS } from './direct-request.ts'
import { createJsonRpcError, INTERNAL_ERROR, type JsonRpcId, type JsonRpcMessage } from './json-rpc.ts'
import { LIST_CACHE, type ServerDescription, type ServerInfo } from './server.ts'

/** A direct request for which there is a result. */
type Requested<Method extends DirectRequest['method']> = Extract<DirectRequest, { method: Method }>

/** The response to `initialize`: in the client's revision or, if this server does not know it, in the newest. */
export function respondToInitialize(
  { id, params }: Requested<'initialize'>,
  { capabilities, serverInfo, instructions }: ServerDescription,
): JsonRpcMessage {
  const isKnown = LEGACY_REVISIONS.includes(params.protocolVersion)
  const protocolVersion = isKnown ? params.protocolVersion : LEGACY_REVISIONS[0]
  return createResponse(id, { protocolVersion, capabilities, serverInfo, instructions })
}

export function respondToPing({ id }: Requested<'ping'>): JsonRpcMessage {
  return createResponse(id, {})
}

/** The response to `tools/call`. A result that is not one of MCP is a fault of the tool. */
export function respondToCall(
  { id, isModern }: Requested<'tools/call'>,
  output: CallToolResult,
  serverInfo: ServerInfo,
): JsonRpcMessage {
  const checked = specTypeSchemas.CallToolResult['~standard'].validate(output)
  if (!('value' in checked)) return createJsonRpcError(INTERNAL_ERROR, 'Invalid tools/call result.', id)
  const result = checked.value
  if (!isModern) return createResponse(id, result)
  const _meta = { ...result._meta, [SERVER_INFO_META_KEY]: serverInfo }
  return createResponse(id, { ...result, resultType: 'complete', _meta })
}

function createResponse(id: JsonRpcId, result: object): JsonRpcMessage {
  return { jsonrpc: '2.0', result, id }
}

const HEAD = Buffer.from('{"jsonrpc":"2.0","result":')

/** The response to `tools/list` in pieces, the long one prepared. */
export function encodeListResponse(
  { id, isModern }: Requested<'tools/list'>,
  { listJson }: Pick<ToolVariant, 'listJson'>,
  serverInfo: ServerInfo,
): Buffer[] {
  const modern = { resultType: 'complete', ...LIST_CACHE, _meta: { [SERVER_INFO_META_KEY]: serverInfo } }
  const rest = isModern ? `,${JSON.stringify(modern).slice(1)}` : '}'
  return [HEAD, listJson, Buffer.from(`${rest},"id":${JSON.stringify(id)}}`)]
}
