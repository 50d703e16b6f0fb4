import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Lifetime } from './lifetime.ts'

/** The next turn of the model: tool calls, text, or a failure. */
export type Turn =
  | { calls: { name: string; args: object }[] }
  | { says: string }
  | { fails: number; body?: string }

export interface AiProvider {
  /** The settings with which the service uses it. */
  settings: Record<string, string>
  /** The requests, oldest first. */
  requests: { authorization: string | undefined; body: string }[]
}

/** An OpenAI-compatible endpoint on loopback whose model takes the given turns and repeats the last. */
export async function startAiProvider(t: Lifetime, turns: Turn[]): Promise<AiProvider> {
  const requests: AiProvider['requests'] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    requests.push({ authorization: request.headers.authorization, body: await text(request) })
    const turn = turns[Math.min(requests.length, turns.length) - 1] ?? { fails: 500 }
    response.setHeader('content-type', 'application/json')
    if ('fails' in turn) response.writeHead(turn.fails).end(turn.body ?? '{"error":{"message":"no"}}')
    else response.end(JSON.stringify(describeTurn(turn, requests.length)))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    requests,
    settings: {
      OPENAI_API_KEY: 'key-of-the-provider',
      OPENAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    },
  }
}

/** A response of the Responses API. */
function describeTurn(turn: Exclude<Turn, { fails: number }>, step: number): object {
  const output =
    'says' in turn
      ? [
          {
            type: 'message',
            id: `msg_${step}`,
            role: 'assistant',
            status: 'completed',
            content: [{ type: 'output_text', text: turn.says, annotations: [] }],
          },
        ]
      : turn.calls.map(({ name, args }, index) => ({
          type: 'function_call',
          id: `fc_${step}_${index}`,
          call_id: `call_${step}_${index}`,
          name,
          arguments: JSON.stringify(args),
          status: 'completed',
        }))
  return {
    id: `resp_${step}`,
    object: 'response',
    created_at: 1_700_000_000,
    status: 'completed',
    model: 'test-model',
    output,
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
  }
}
