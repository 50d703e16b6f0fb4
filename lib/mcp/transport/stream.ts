import type { AcceptedTypes } from './accept.ts'
import type { JsonRpcMessage } from './json-rpc.ts'
import type { Progress } from './progress.ts'
import type { McpResponse } from './response.ts'

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
  /** A client that accepts no stream waits for the JSON response; one that accepts only streams gets one at once. */
  accept: AcceptedTypes
}

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // Otherwise nginx buffers the response.
  'x-accel-buffering': 'no',
}

/**
 * Responds with a fast response of `work` as it is. A slow one becomes an event stream (Streamable HTTP), which begins after
 * `streamAfterMs` or with the first report of progress, sends a heartbeat, and ends with the response.
 */
export function streamIfSlow(work: () => Promise<McpResponse>, options: StreamOptions): Promise<McpResponse> {
  const { timing, progress, accept } = options
  if (!accept.stream) return work()
  return new Promise((resolve, reject) => {
    let stream: EventStream | undefined
    const openStream = (): EventStream => {
      if (stream !== undefined) return stream
      stream = createEventStream(timing.heartbeatMs, progress)
      resolve({ status: 200, headers: STREAM_HEADERS, body: stream.body })
      return stream
    }
    const timer = setTimeout(openStream, timing.streamAfterMs)
    progress.listen((notification) => openStream().send(notification))
    work()
      .then((response) => {
        // An error has a status, and only JSON becomes a stream.
        const isJson = response.status === 200 && Buffer.isBuffer(response.body)
        if (stream === undefined && (accept.json || !isJson)) resolve(response)
        else openStream().end(readMessages(response))
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
function readMessages({ body }: McpResponse): string[] {
  const text = Buffer.isBuffer(body) ? body.toString() : ''
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
