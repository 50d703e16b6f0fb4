export interface McpAnswer {
  status: number
  headers: Record<string, string>
  /** A stream stays open for as long as the work takes. */
  body: Buffer | ReadableStream<Uint8Array> | undefined
}

/** What is answered to a client that has gone away; nobody reads it. */
export const ABANDONED: McpAnswer = { status: 499, headers: {}, body: undefined }

/** An answer in JSON, which is about one user and must not be kept. */
export function createJsonAnswer(
  status: number,
  json: Buffer | object,
  headers: Record<string, string> = {},
): McpAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: Buffer.isBuffer(json) ? json : Buffer.from(JSON.stringify(json)),
  }
}

/** An answer of the SDK. Whether the connection stays open is not for it to say. */
export async function readAnswer(response: Response): Promise<McpAnswer> {
  const { connection: _, ...headers } = Object.fromEntries(response.headers)
  if (headers['content-type'] === 'text/event-stream') {
    return { status: response.status, headers, body: response.body ?? undefined }
  }
  const body = Buffer.from(await response.arrayBuffer())
  if (body.length === 0) return { status: response.status, headers, body: undefined }
  return createJsonAnswer(response.status, body, headers)
}
