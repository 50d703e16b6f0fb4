import type { JsonRpcMessage } from './json-rpc.ts'
import type { Progress } from './progress.ts'

/** When an answer becomes a stream, and how often the stream is kept alive; ms. */
export interface AnswerTiming {
  /** How long an answer may take before it becomes a stream. */
  patience: number
  /** The longest silence of a stream. Proxies commonly drop a connection that was silent for a minute. */
  heartbeat: number
}

export const DEFAULT_TIMING: AnswerTiming = { patience: 5_000, heartbeat: 10_000 }

export interface AnswerOptions {
  timing: AnswerTiming
  progress: Progress
  /** Whether the client accepts a stream; if not, it waits for the answer as long as it takes. */
  mayStream: boolean
}

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // nginx collects an answer before it passes it on, unless it is told not to.
  'x-accel-buffering': 'no',
}

/**
 * An answer as it is, when it comes soon. Otherwise an event stream (Streamable HTTP) that begins at once, shows
 * signs of life and ends with the answer; progress that is reported before then goes into the stream and begins it.
 */
export function answerInTime(answer: Promise<Response>, options: AnswerOptions): Promise<Response> {
  const { timing, progress, mayStream } = options
  if (!mayStream) return answer
  return new Promise((resolve, reject) => {
    let stream: EventStream | undefined
    const openStream = (): EventStream => {
      if (stream !== undefined) return stream
      stream = createEventStream(timing.heartbeat, progress)
      resolve(new Response(stream.body, { headers: STREAM_HEADERS }))
      return stream
    }
    const timer = setTimeout(openStream, timing.patience)
    progress.listen((notification) => openStream().send(notification))
    answer
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
        // Whatever a tool still has to say comes too late.
        progress.listen(() => undefined)
      })
  })
}

/** The messages of an answer. A batch is answered by several, and each is an event of its own. */
async function readMessages(response: Response): Promise<JsonRpcMessage[]> {
  const answer: JsonRpcMessage | JsonRpcMessage[] = JSON.parse((await response.text()) || '[]')
  return Array.isArray(answer) ? answer : [answer]
}

interface EventStream {
  body: ReadableStream<Uint8Array>
  send(message: JsonRpcMessage): void
  end(messages: readonly JsonRpcMessage[]): void
}

function createEventStream(heartbeat: number, progress: Progress): EventStream {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  // A client that has gone away needs no more words; its signal ends the work itself.
  const write = (frame: string) => void writer.write(encoder.encode(frame)).catch(stop)
  const timer = setInterval(beat, heartbeat)

  function beat(): void {
    write(': working\n\n')
    for (const notification of progress.describe()) send(notification)
  }

  function send(message: JsonRpcMessage): void {
    write(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
  }

  function end(messages: readonly JsonRpcMessage[]): void {
    for (const message of messages) send(message)
    stop()
    void writer.close().catch(() => undefined)
  }

  function stop(): void {
    clearInterval(timer)
  }

  beat()
  return { body: readable, send, end }
}
