import autocannon from 'autocannon'

export interface BenchRequest {
  url: string
  method: string
  headers: Record<string, string>
  body?: string
}

const CONNECTIONS = 16
const SAMPLES = 200

/** `tools/list` as a client of 2025-06-18 sends it. */
export function createListRequest(url: string, token?: string): BenchRequest {
  return createRequest(url, token, { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
}

export function createWhoamiRequest(url: string, token?: string): BenchRequest {
  const params = { name: 'whoami', arguments: {} }
  return createRequest(url, token, { jsonrpc: '2.0', id: 1, method: 'tools/call', params })
}

function createRequest(url: string, token: string | undefined, message: object): BenchRequest {
  return {
    url,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-06-18',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(message),
  }
}

/** Requests a second over some seconds, after a warm-up. Throws when a response is not 200. */
export async function measureThroughput(request: BenchRequest, seconds: number): Promise<number> {
  const options = { ...request, method: 'POST' as const, connections: CONNECTIONS }
  await autocannon({ ...options, duration: 1 })
  const result = await autocannon({ ...options, duration: seconds })
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${request.url} responded with errors.`)
  return result.requests.average
}

/** The median time of one request at a time, in ms, after a warm-up. */
export async function measureLatency({ url, ...request }: BenchRequest): Promise<number> {
  const times: number[] = []
  for (let sample = 0; sample < SAMPLES * 1.25; sample += 1) {
    const startedAt = performance.now()
    const response = await fetch(url, request)
    const text = await response.text()
    times.push(performance.now() - startedAt)
    if (response.status !== 200 || text.includes('"isError":true'))
      throw new Error(`${url} responded: ${text}`)
  }
  return times.slice(-SAMPLES).sort((left, right) => left - right)[SAMPLES / 2] ?? 0
}
