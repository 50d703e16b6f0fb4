import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Lifetime } from '../support/lifetime.ts'

/** A model on loopback with Anthropic's Messages API. */
export interface Model {
  url: string
  /** The tools that it was offered last together with the one it calls. */
  readonly tools: readonly string[]
  /** The request with the tool's result; undefined until it came. */
  readonly result: unknown
}

/**
 * Starts a model that calls one tool where it is offered any, and ends its turn when it has the result. Some clients
 * call it without tools too, for the title of a conversation, and some offer tools only to those who search for them.
 */
export async function startModel(t: Lifetime, tool: string): Promise<Model> {
  let tools: string[] = []
  let result: unknown
  const server = createServer(async (request, response) => {
    const body = await text(request)
    if (request.method !== 'POST' || !/^\/v1\/messages(\?|$)/.test(request.url ?? '')) {
      response.writeHead(404).end()
      return
    }
    const parsed = JSON.parse(body) as { tools?: { name: string }[] }
    const hasResult = body.includes('"tool_result"')
    if (hasResult) result = parsed
    const offered = parsed.tools ?? []
    if (offered.some(({ name }) => name === tool)) tools = offered.map(({ name }) => name)
    if (offered.length === 0 || hasResult) respond(response, 'end_turn', { type: 'text', text: '' }, 'Done.')
    else respond(response, 'tool_use', { type: 'tool_use', id: 'toolu_1', name: tool, input: {} })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get tools() {
      return tools
    },
    get result() {
      return result
    },
  }
}

/** Sends a message of one block as a stream of events. */
function respond(response: ServerResponse, stopReason: string, block: object, words?: string): void {
  const usage = { input_tokens: 1, output_tokens: 1 }
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'scripted', content: [], usage }
  const delta =
    words === undefined
      ? { type: 'input_json_delta', partial_json: '{}' }
      : { type: 'text_delta', text: words }
  const events = [
    { type: 'message_start', message },
    { type: 'content_block_start', index: 0, content_block: block },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: stopReason }, usage },
    { type: 'message_stop' },
  ]
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
}
