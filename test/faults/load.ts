import { postMcp } from '../support/mcp.ts'

/** One request that did not end as it should. */
export interface LostRequest {
  kind: string
  /** A status, or the words of a broken connection. */
  outcome: string
  startedAt: number
  endedAt: number
}

export interface Load {
  /** How many requests have ended, well or not. */
  readonly ended: number
  readonly lost: readonly LostRequest[]
  /** Stops asking; resolves when nothing is under way any more. */
  stop(): Promise<void>
}

/** A request that clients make, and whether its answer is the right one. */
export interface LoadRequest {
  kind: string
  send(): Promise<Response>
  accepts(body: string): boolean
}

/** Makes requests all the time, `workers` of them at once, each as soon as the last one has its answer. */
export function startLoad(requests: readonly LoadRequest[], workers: number): Load {
  const lost: LostRequest[] = []
  let ended = 0
  let isOn = true

  async function work(next: number): Promise<void> {
    for (let turn = next; isOn; turn += 1) {
      const request = requests[turn % requests.length]
      if (request === undefined) return
      const startedAt = Date.now()
      const outcome = await tryRequest(request)
      ended += 1
      if (outcome !== undefined) lost.push({ kind: request.kind, outcome, startedAt, endedAt: Date.now() })
    }
  }

  const work_ = Promise.all(Array.from({ length: workers }, (_, index) => work(index)))
  return {
    get ended() {
      return ended
    },
    lost,
    async stop() {
      isOn = false
      await work_
    },
  }
}

/** What went wrong; undefined when nothing did. */
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

/** What a signed-in client asks for: reading and calling, all of it by POST. */
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
