/** A body has more bytes than its reader accepts. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError'
  readonly maxBytes: number

  constructor(maxBytes: number) {
    super(`The body is longer than ${maxBytes} bytes.`)
    this.maxBytes = maxBytes
  }
}

/** Where reading pauses until `onBeyond` resolves. */
export interface Threshold {
  bytes: number
  onBeyond(): Promise<void>
}

/**
 * Reads a body to its end. The limit counts bytes as they arrive, after decompression, so no header has to be
 * trusted. Throws `BodyTooLargeError`, and what the stream throws.
 */
export async function readBounded(
  body: AsyncIterable<Uint8Array> | null | undefined,
  maxBytes: number,
  threshold?: Threshold,
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body ?? []) {
    const isFirstBeyond = threshold !== undefined && length <= threshold.bytes
    length += chunk.byteLength
    if (length > maxBytes) throw new BodyTooLargeError(maxBytes)
    chunks.push(chunk)
    if (isFirstBeyond && length > threshold.bytes) await threshold.onBeyond()
  }
  return Buffer.concat(chunks, length)
}
