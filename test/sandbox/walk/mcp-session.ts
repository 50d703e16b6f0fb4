// An MCP client of its own, independent of the SDK and of test/support/mcp.ts on purpose: it reads every form of response
// that a client has to accept.

/** The result of a JSON-RPC request, or the response that has none. */
export type McpResponse =
  | { ok: true; result: Record<string, unknown>; status: number }
  | { ok: false; status: number; text: string }

/** A minimal MCP client: JSON-RPC over POST, with responses in JSON or as an event stream. */
export interface McpSession {
  request(method: string, params?: Record<string, unknown>): Promise<McpResponse>
  /** Resolves to the status, which should be 202. */
  notify(method: string): Promise<number>
  /** Sent as `MCP-Protocol-Version` once `initialize` has negotiated it. */
  protocolVersion: string | undefined
}

/** `accessToken` is left out for a client that has not signed in. */
export function createMcpSession(url: string, accessToken: string | undefined): McpSession {
  let lastId = 0

  function post(body: Record<string, unknown>): Promise<Response> {
    const headers = new Headers({
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    })
    if (accessToken !== undefined) headers.set('authorization', `Bearer ${accessToken}`)
    if (session.protocolVersion !== undefined) headers.set('mcp-protocol-version', session.protocolVersion)
    return fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...body }) })
  }

  const session: McpSession = {
    protocolVersion: undefined,
    async request(method, params = {}) {
      lastId += 1
      const id = lastId
      const response = await post({ id, method, params })
      const text = await response.text()
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
      const messages = isStream ? readEvents(text) : [text]
      const message = messages.map(parseJson).find((candidate) => candidate?.id === id)
      const result = message?.result
      if (!response.ok || typeof result !== 'object' || result === null)
        return { ok: false, status: response.status, text }
      return { ok: true, status: response.status, result: result as Record<string, unknown> }
    },
    async notify(method) {
      const response = await post({ method })
      await response.body?.cancel()
      return response.status
    },
  }
  return session
}

/** The data of each event; an event's lines are joined, comments are heartbeats (HTML, server-sent events). */
function readEvents(stream: string): string[] {
  return stream.split(/\r?\n\r?\n/).flatMap((event) => {
    const data = event.split(/\r?\n/).filter((line) => line.startsWith('data:'))
    return data.length === 0 ? [] : [data.map((line) => line.slice(5).trimStart()).join('\n')]
  })
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
