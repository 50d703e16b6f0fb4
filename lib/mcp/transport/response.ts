import { redactInput } from '../../telemetry/redact.ts'

export interface McpAnswer {
  status: number
  headers: Record<string, string>
  /** Pieces are to be sent one after the other. A web stream stays open for as long as the work takes. */
  body: Buffer | Buffer[] | ReadableStream<Uint8Array> | undefined
}

/** Answers are about one user, and are not to be kept. */
const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' }

export function createJsonAnswer(
  status: number,
  message: object,
  headers: Record<string, string> = {},
): McpAnswer {
  return { status, headers: { ...JSON_HEADERS, ...headers }, body: Buffer.from(JSON.stringify(message)) }
}

/** An answer of prepared pieces of JSON. */
export function createPreparedAnswer(pieces: Buffer[]): McpAnswer {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  return { status: 200, headers: { ...JSON_HEADERS, 'content-length': String(length) }, body: pieces }
}

/** An answer of the SDK. Whether the connection stays open is not for it to say. */
export async function readAnswer(response: Response): Promise<McpAnswer> {
  const { status } = response
  const { connection: _, ...headers } = Object.fromEntries(response.headers)
  if (headers['content-type'] === 'text/event-stream') {
    return { status, headers, body: response.body ?? undefined }
  }
  // The SDK's errors repeat headers and parameters, and people put tokens into those as well.
  const body =
    status < 400 ? Buffer.from(await response.arrayBuffer()) : Buffer.from(redactInput(await response.text()))
  if (body.length === 0) return { status, headers, body: undefined }
  return { status, headers: { ...headers, ...JSON_HEADERS }, body }
}
