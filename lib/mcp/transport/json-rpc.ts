/** The codes of JSON-RPC 2.0 §5.1, and the one that MCP servers use with an HTTP status. */
export const PARSE_ERROR = -32700
export const INVALID_REQUEST = -32600
export const INTERNAL_ERROR = -32603
export const SERVER_ERROR = -32000

export type JsonRpcId = string | number

/** A JSON-RPC message to a client. */
export type JsonRpcMessage = { jsonrpc: '2.0' } & Record<string, unknown>

export type JsonRpcError = JsonRpcMessage & { error: { code: number; message: string } }

/** An error response. Its id is null if the request's could not be read (JSON-RPC 2.0 §5). */
export function createJsonRpcError(code: number, message: string, id: JsonRpcId | null = null): JsonRpcError {
  return { jsonrpc: '2.0', error: { code, message }, id }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
