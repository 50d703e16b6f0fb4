import { redactInput, redactValue } from '../../telemetry/redact.ts'

export interface McpResponse {
  status: number
  headers: Record<string, string>
  /** Buffers in an array are sent one after the other. A web stream stays open for as long as the work takes. */
  body: Buffer | Buffer[] | ReadableStream<Uint8Array> | undefined
}

/** Of a text in an error of the SDK, in characters. */
const MAX_ERROR_TEXT = 500

/** Responses concern one user and must not be cached. */
const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' }

/** The response to notifications (MCP 2025-06-18, transports). */
export const ACCEPTED: McpResponse = { status: 202, headers: {}, body: undefined }

export function createJsonResponse(
  status: number,
  message: object,
  headers: Record<string, string> = {},
): McpResponse {
  return { status, headers: { ...JSON_HEADERS, ...headers }, body: Buffer.from(JSON.stringify(message)) }
}

/** A response of prepared pieces of JSON. */
export function createPreparedResponse(pieces: Buffer[]): McpResponse {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  return { status: 200, headers: { ...JSON_HEADERS, 'content-length': String(length) }, body: pieces }
}

/** Converts a response of the SDK, without `connection`, which is Node's to set. */
export async function readWebResponse(response: Response): Promise<McpResponse> {
  const { status } = response
  const { connection: _, ...headers } = Object.fromEntries(response.headers)
  if (headers['content-type'] === 'text/event-stream') {
    return { status, headers, body: response.body ?? undefined }
  }
  const bytes = Buffer.from(await response.arrayBuffer())
  const body = status < 400 ? bytes : redactError(bytes.toString())
  if (body.length === 0) return { status, headers, body: undefined }
  return { status, headers: { ...headers, ...JSON_HEADERS }, body }
}

/** The SDK's errors repeat headers and parameters, which can be long and hold a misplaced token. They stay JSON. */
function redactError(text: string): Buffer {
  if (text === '') return Buffer.alloc(0)
  const redact = (value: string) => redactInput(value, MAX_ERROR_TEXT)
  return Buffer.from(JSON.stringify(redactValue(JSON.parse(text), redact)))
}
