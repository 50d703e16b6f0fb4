import type { JsonRpcMessage } from './json-rpc.ts'
import type { Progress } from './progress.ts'

export interface StreamTiming {
  /** How long a response may take before it becomes a stream. */
  streamAfterMs: number
  /** The longest silence of a stream. Many proxies drop a connection after a silent minute. */
  heartbeatMs: number
}

export const DEFAULT_TIMING: StreamTiming = { streamAfterMs: 5_000, heartbeatMs: 10_000 }

export interface StreamOptions {
  timing: StreamTiming
  progress: Progress
  /** Whether the client accepts a stream; if not, it waits for the JSON response. */
  mayStream: boolean
}

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // Otherwise nginx buffers the response.
  'x-accel-buffering': 'no',
}

/**
 * Returns a fast response as it is. A slow one becomes an event stream (Streamable HTTP), which begins after
 * `streamAfterMs` or with the first report of progress, sends a heartbeat, and ends with the response.
 */
export function streamIfSlow(pending: Promise<Response>, options: StreamOptions): Promise<Response> {
  const { timing, progress, mayStream } = options
  if (!mayStream) return pending
  return new Promise((resolve, reject) => {
    let stream: EventStream | undefined
    const openStream = (): EventStream => {
      if (stream !== undefined) return stream
      stream = createEventStream(timing.heartbeatMs, progress)
      resolve(new Response(stream.body, { headers: STREAM_HEADERS }))
      return stream
    }
    const timer = setTimeout(openStream, timing.streamAfterMs)
    progress.listen((notification) => openStream().send(notification))
    pending
      .then(async (response) => {
        if (stream === undefined) resolve(response)
        else stream.end(await readMessages(response))
      })
      .catch((error: unknown) => {
        if (stream === undefined) reject(error)
        else stream.end([])
      })
      .finally(() => {
        clearTimeout(timer)
        // A tool may report progress after its response.
        progress.listen(() => undefined)
      })
  })
}

/** The messages of a response, as JSON: several for a batch, each of which becomes an event. */
async function readMessages(response: Response): Promise<string[]> {
  const text = await response.text()
  // One message is passed on as it is: it can have megabytes.
  if (!text.startsWith('[')) return text === '' ? [] : [text]
  return JSON.parse(text).map((message: JsonRpcMessage) => JSON.stringify(message))
}

interface EventStream {
  body: ReadableStream<Uint8Array>
  send(message: JsonRpcMessage): void
  end(messages: readonly string[]): void
}

function createEventStream(heartbeatMs: number, progress: Progress): EventStream {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  // Writing fails after the client disconnects; the request's signal ends the work itself.
  const write = (frame: string) => void writer.write(encoder.encode(frame)).catch(stopHeartbeat)
  const timer = setInterval(sendHeartbeat, heartbeatMs)

  function sendHeartbeat(): void {
    write(': working\n\n')
    for (const notification of progress.describe()) send(notification)
  }

  function send(message: JsonRpcMessage): void {
    writeEvent(JSON.stringify(message))
  }

  function writeEvent(json: string): void {
    write(`event: message\ndata: ${json}\n\n`)
  }

  function end(messages: readonly string[]): void {
    for (const message of messages) writeEvent(message)
    stopHeartbeat()
    void writer.close().catch(() => undefined)
  }

  function stopHeartbeat(): void {
    clearInterval(timer)
  }

  sendHeartbeat()
  return { body: readable, send, end }
}
