import { Readable } from 'node:stream'

export interface McpAnswer {
  status: number
  headers: Record<string, string>
  /** A web stream stays open for as long as the work takes. */
  body: Buffer | Readable | ReadableStream<Uint8Array> | undefined
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

/**
 * An answer of prepared pieces of JSON, sent one after the other: joining them would copy a hundred kilobytes,
 * which takes longer than everything else about the answer.
 */
export function createPreparedAnswer(pieces: readonly Buffer[]): McpAnswer {
  const body = new Readable({ read: () => undefined })
  let length = 0
  for (const piece of pieces) {
    length += piece.length
    body.push(piece)
  }
  body.push(null)
  return { status: 200, headers: { ...JSON_HEADERS, 'content-length': String(length) }, body }
}

/** An answer of the SDK. Whether the connection stays open is not for it to say. */
export async function readAnswer(response: Response): Promise<McpAnswer> {
  const { status } = response
  const { connection: _, ...headers } = Object.fromEntries(response.headers)
  if (headers['content-type'] === 'text/event-stream') {
    return { status, headers, body: response.body ?? undefined }
  }
  const body = Buffer.from(await response.arrayBuffer())
  if (body.length === 0) return { status, headers, body: undefined }
  return { status, headers: { ...headers, ...JSON_HEADERS }, body }
}
