import { postMcp } from '../support/mcp.ts'

/** A request that failed. */
export interface FailedRequest {
  kind: string
  /** The status and body, or the error of the connection. */
  outcome: string
  startedAt: number
  endedAt: number
}

export interface Load {
  /** How many requests have ended, successfully or not. */
  readonly ended: number
  readonly failed: readonly FailedRequest[]
  /** Stops sending; resolves when no request is in progress. */
  stop(): Promise<void>
}

/** A request of a client, and which responses are right. */
export interface LoadRequest {
  kind: string
  send(): Promise<Response>
  accepts(body: string): boolean
}

/** Sends requests continuously, `workers` of them at once, each as soon as the one before has its response. */
export function startLoad(requests: readonly LoadRequest[], workers: number): Load {
  const failed: FailedRequest[] = []
  let ended = 0
  let isOn = true

  async function work(next: number): Promise<void> {
    for (let turn = next; isOn; turn += 1) {
      const request = requests[turn % requests.length]
      if (request === undefined) return
      const startedAt = Date.now()
      const outcome = await tryRequest(request)
      ended += 1
      if (outcome !== undefined) failed.push({ kind: request.kind, outcome, startedAt, endedAt: Date.now() })
    }
  }

  const done = Promise.all(Array.from({ length: workers }, (_, index) => work(index)))
  return {
    get ended() {
      return ended
    },
    failed,
    async stop() {
      isOn = false
      await done
    },
  }
}

/** The failure; undefined when there was none. */
async function tryRequest({ send, accepts }: LoadRequest): Promise<string | undefined> {
  try {
    const response = await send()
    const body = await response.text()
    if (response.status === 200 && accepts(body)) return undefined
    return `${response.status} ${body.slice(0, 200)}`
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { code?: string } }
    return `${message} ${cause?.code ?? ''}`.trim()
  }
}

/** The requests of a signed-in client: listing tools and calling one. */
export function createMcpRequests(url: string, token: string): LoadRequest[] {
  const list = { kind: 'tools/list', send: () => postMcp(`${url}/mcp`, token, 'tools/list') }
  const call = {
    kind: 'tools/call',
    send: () => postMcp(`${url}/mcp`, token, 'tools/call', { name: 'whoami', arguments: {} }),
  }
  return [
    { ...list, accepts: (body) => body.includes('find_organizations') },
    { ...call, accepts: (body) => body.includes('mara@tidewater.example') },
  ]
}
