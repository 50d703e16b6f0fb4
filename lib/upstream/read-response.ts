interface ReadBody {
  bytes: Buffer
  /** Of a body that was parsed. */
  json?: { value: unknown }
  /** Where redirects led: a new response has no URL, and tools link to that of an attachment. */
  address: string
}

/**
 * A response whose body was read before, so it can be read any number of times: no stream, no copy of megabytes, and
 * JSON is parsed once. A body in a stream of `Response` stays in memory until V8's next full collection.
 */
export class ReadResponse extends Response {
  override readonly url: string
  override readonly json: () => Promise<unknown>
  override readonly text: () => Promise<string>
  override readonly blob: () => Promise<Blob>
  override readonly arrayBuffer: () => Promise<ArrayBuffer>
  /** Nothing that reads it can change it. */
  override readonly clone = () => this

  constructor({ bytes, json, address }: ReadBody, init: ResponseInit) {
    super(null, init)
    const decode = () => new TextDecoder().decode(bytes)
    let parsed = json
    this.url = address
    this.text = async () => decode()
    this.json = async () => {
      parsed ??= { value: JSON.parse(decode()) }
      return parsed.value
    }
    this.blob = async () =>
      new Blob([bytes as Buffer<ArrayBuffer>], { type: this.headers.get('content-type') ?? '' })
    this.arrayBuffer = async () => Uint8Array.from(bytes).buffer
  }
}
