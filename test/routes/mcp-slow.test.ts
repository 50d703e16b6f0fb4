import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import type { SentryTool } from '../../lib/mcp/core/types.ts'
import { callOf, createTool, type McpService, postIn, startMcp } from '../support/mcp-service.ts'

const ERAS = ['legacy', 'modern'] as const
const TIMING = { streamAfterMs: 60, heartbeatMs: 30 }
/** However busy the machine is, no response takes as long. */
const NEVER = { streamAfterMs: 600_000, heartbeatMs: 600_000 }

test('a fast response is JSON, even if the client asks for progress', async (t) => {
  const { service } = await startSlow(t, NEVER)
  for (const era of ERAS) {
    const response = await postIn(era, service, callOf('quick', {}, { progressToken: 'p' }))
    t.match(response.headers.get('content-type'), /^application\/json/, era)
    t.match(await response.json(), { id: 1, result: { content: [{ text: 'quick' }] } })
  }
})

test('a slow response becomes a stream with heartbeats that ends with the response', async (t) => {
  const { service, finish } = await startSlow(t)
  for (const era of ERAS) {
    const response = await postIn(era, service, callOf('slow', {}))
    t.match(response.headers.get('content-type'), /^text\/event-stream/, era)
    t.equal(response.headers.get('x-accel-buffering'), 'no', 'nginx passes it on as it comes')
    t.match(response.headers.get('cache-control'), /no-transform/)
    const text = await readUntil(response, /(^: .*){3}/ms, finish)
    t.ok(text.startsWith(': '), 'the first bytes come with the headers, and more until the response')
    t.match(readEvents(text), [{ jsonrpc: '2.0', id: 1, result: { content: [{ text: 'slow' }] } }])
  }
})

test('a client that asks for progress gets it for a silent tool too', async (t) => {
  const { service, finish } = await startSlow(t)
  for (const era of ERAS) {
    const response = await postIn(era, service, callOf('slow', {}, { progressToken: 'p' }))
    const events = readEvents(await readUntil(response, /("progressToken".*){2}/s, finish))
    const progress = events.slice(0, -1).map(({ method, params }) => {
      t.equal(method, 'notifications/progress')
      t.equal(params?.progressToken, 'p')
      return params?.progress ?? 0
    })
    t.ok(progress.length >= 2, `${era}: ${progress}`)
    t.same(
      progress,
      [...new Set(progress)].sort((a, b) => a - b),
      'it only ever increases',
    )
  }
})

test('reported progress reaches the client before the response', async (t) => {
  const { service } = await startSlow(t, NEVER)
  for (const era of ERAS) {
    const response = await postIn(era, service, callOf('steps', {}, { progressToken: 0 }))
    const events = readEvents(await response.text())
    const reported = events.flatMap(({ params }) => (params?.total === 100 ? [params] : []))
    t.match(reported, [
      { progressToken: 0, progress: 1 },
      { progressToken: 0, progress: 50 },
      { progressToken: 0, progress: 100, message: 'done' },
    ])
    t.match(events.at(-1), { id: 1, result: { content: [{ text: 'steps' }] } })
    const silent = await postIn(era, service, callOf('steps', {}))
    t.match(silent.headers.get('content-type'), /json/, 'without a token there is no progress')
    await silent.body?.cancel()
  }
})

test('a client that accepts no stream gets JSON', async (t) => {
  const { service, begun, finish } = await startSlow(t, { streamAfterMs: 1, heartbeatMs: 1 })
  const headers = { accept: 'application/json' }
  const pending = postIn('modern', service, callOf('slow', {}, { progressToken: 1 }), { headers })
  await begun
  // A stream would have begun by now: its timer is older and shorter.
  await sleep(2)
  finish()
  const response = await pending
  t.match(response.headers.get('content-type'), /^application\/json/)
  t.match(await response.json(), { result: { content: [{ text: 'slow' }] } })
})

test('a slow batch gets one event for each request', async (t) => {
  const { service, begun, finish } = await startSlow(t)
  const batch = [callOf('slow', {}), { ...callOf('quick', {}), id: 2 }]
  const response = await service.post(batch)
  await begun
  finish()
  t.same(
    readEvents(await response.text()).map(({ id }) => id),
    [1, 2],
  )
})

test('a client that disconnects aborts its call and the request to Sentry (MCP 2026-07-28, cancellation)', async (t) => {
  for (const era of ERAS) {
    for (const timing of [TIMING, NEVER]) {
      const silent = await startSilentSentry(t)
      const service = await startMcp(t, { settings: { SENTRY_HOST: silent.host }, timing })
      const controller = new AbortController()
      const call = postIn(era, service, callOf('find_organizations', {}), { signal: controller.signal })
      const socket = await silent.request
      // Either the response has not begun, or it has become a stream.
      if (timing === TIMING) await call
      const closed = new Promise((resolve) => socket.once('close', resolve))
      controller.abort()
      await call.then((response) => response.text()).catch(() => undefined)
      t.equal(
        await Promise.race([closed.then(() => 'closed'), sleep(20_000, 'open', { ref: false })]),
        'closed',
        era,
      )
      t.notMatch(service.log.join(''), /"level":(50|60)/, 'no error is logged')
    }
  }
})

interface SlowService {
  service: McpService
  /** The first call of the waiting tool. */
  begun: Promise<void>
  /** Ends the waiting tools. */
  finish(): void
}

/** Reads a stream to its end, and calls `finish` once it holds `enough`. */
async function readUntil(response: Response, enough: RegExp, finish: () => void): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (enough.test(text)) finish()
  }
  return text
}

async function startSlow(t: Test, timing = TIMING): Promise<SlowService> {
  const waiting = new Set<() => void>()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const tools = [
    createWork('quick', async () => undefined),
    createWork('slow', () => {
      begin()
      return new Promise<void>((resolve) => waiting.add(resolve))
    }),
    createWork('steps', async (_params, { reportProgress }) => {
      reportProgress(1, 100)
      reportProgress(50, 100)
      reportProgress(50, 100)
      reportProgress(100, 100, 'done')
    }),
  ]
  const service = await startMcp(t, {
    timing,
    tools: Object.fromEntries(tools.map((tool) => [tool.name, tool])),
    settings: { TOOL_SURFACE: 'full' },
  })
  return {
    service,
    begun,
    finish() {
      for (const resolve of waiting) resolve()
      waiting.clear()
    },
  }
}

/** A tool that responds with its name when the work is done. */
function createWork(name: string, work: SentryTool['handler']): SentryTool {
  return createTool(name, async (params, context) => {
    await work(params, context)
    return name
  })
}

/** A Sentry that takes requests and never responses. */
async function startSilentSentry(t: Test): Promise<{ host: string; request: Promise<Socket> }> {
  const { promise, resolve } = Promise.withResolvers<Socket>()
  const server = createServer(({ socket, url }) => {
    // The release is read in the background.
    if (url?.startsWith('/api/0/')) resolve(socket)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, request: promise }
}

interface Message {
  id?: number
  method?: string
  params?: { progressToken: string | number; progress: number; total?: number; message?: string }
  result?: object
}

function readEvents(stream: string): Message[] {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)))
}
