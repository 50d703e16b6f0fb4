import autocannon from 'autocannon'
import type { ServerProcess } from './server-process.ts'

export interface BenchRequest {
  path: string
  method: 'POST' | 'GET'
  headers: Record<string, string>
  body: string
  /** The status of a right response; 200 by default. */
  status?: number
  /** Replaces the token of each request by the next one of these. */
  tokens?: readonly string[]
}

export interface LoadOptions {
  /** Requests at a time, over all servers. */
  connections?: number
  seconds: number
}

/** What a load of some seconds has shown. */
export interface LoadResult {
  /** Responses a second. */
  rate: number
  /** CPU time of the servers for one request, in ms. */
  cpuMs: number
  /** From sending a request to its complete response, in ms. */
  p50: number
  p99: number
}

const CONNECTIONS = 16
const WARM_UP_SECONDS = 0.3
const WARM_UP_REQUESTS = 1_000

/** A request that a client of 2025-06-18 sends. */
export function createMcpRequest(
  token: string | undefined,
  method: string,
  params: object = {},
): BenchRequest {
  const isNotification = method.startsWith('notifications/')
  return {
    path: '/mcp',
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-06-18',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...(!isNotification && { id: 1 }), method, params }),
    ...(isNotification && { status: 202 }),
  }
}

export function createListRequest(token?: string): BenchRequest {
  return createMcpRequest(token, 'tools/list')
}

export function createWhoamiRequest(token?: string): BenchRequest {
  return createMcpRequest(token, 'tools/call', { name: 'whoami', arguments: {} })
}

/** Measures one kind of request at one or more servers, after a warm-up. Throws when a response is wrong. */
export async function measureLoad(
  servers: ServerProcess | readonly ServerProcess[],
  request: BenchRequest,
  { connections = CONNECTIONS, seconds }: LoadOptions,
): Promise<LoadResult> {
  const all = 'url' in servers ? [servers] : servers
  const readCpuMs = () => all.reduce((sum, server) => sum + server.readCpuMs(), 0)
  const send = (amount: number) => sendRequests(all, request, { connections, amount })
  const sample = await send(connections * 4)
  const warm = await send(sample.rate * WARM_UP_SECONDS)
  const before = readCpuMs()
  const { rate, times } = await send(warm.rate * seconds)
  const cpuMs = (readCpuMs() - before) / times.length
  times.sort((left, right) => left - right)
  const percentile = (part: number) => times[Math.floor(times.length * part)] ?? Number.NaN
  return { rate, cpuMs, p50: percentile(0.5), p99: percentile(0.99) }
}

/** Has a new server compile its code before it is measured. */
export async function warmUp(server: ServerProcess, request: BenchRequest): Promise<void> {
  await sendRequests([server], request, { connections: CONNECTIONS, amount: WARM_UP_REQUESTS })
}

/** Sends a number of requests. A number, and not a time, so that no request is left without its response. */
export async function sendRequests(
  servers: readonly ServerProcess[],
  { path, method, headers, body, status = 200, tokens }: BenchRequest,
  { connections, amount }: { connections: number; amount: number },
): Promise<{ rate: number; times: number[] }> {
  let next = 0
  const setupRequest = (request: autocannon.Request): autocannon.Request => {
    const authorization = `Bearer ${tokens?.[next++ % tokens.length]}`
    return { ...request, headers: { ...request.headers, authorization } }
  }
  const times: number[] = []
  const wrong: string[] = []
  const isResult = (text: string | Buffer | undefined) => {
    const isError = String(text).includes('"isError":true')
    if (isError) wrong.push(String(text).slice(0, 200))
    return !isError
  }
  const startedAt = performance.now()
  let endedAt = startedAt
  const options: autocannon.Options & { sampleInt: number } = {
    url: servers.map(({ url }) => `${url}${path}`) as unknown as string,
    method,
    headers,
    body,
    connections,
    amount: Math.max(connections, Math.ceil(amount)),
    // The result is ready at the end of an interval.
    sampleInt: 25,
    ...(body.includes('tools/call') && { verifyBody: isResult }),
    ...(tokens !== undefined && { requests: [{ setupRequest }] }),
  }
  await new Promise<void>((resolve, reject) => {
    const instance = autocannon(options, (error) => (error ? reject(error) : resolve()))
    instance.on('response', (_client, received, _bytes, time) => {
      endedAt = performance.now()
      times.push(time)
      if (received !== status) wrong.push(`status ${received}`)
    })
    instance.on('reqError', (error: Error) => wrong.push(error.message))
  })
  if (wrong.length > 0)
    throw new Error(
      `${wrong.length} of ${times.length} responses of ${servers[0]?.url} were wrong: ${wrong[0]}`,
    )
  return { rate: (times.length * 1_000) / (endedAt - startedAt), times }
}
