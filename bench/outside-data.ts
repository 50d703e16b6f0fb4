import { type MessagePort, parentPort, Worker } from 'node:worker_threads'
import Fastify from 'fastify'
import { fenceText } from '../lib/mcp/core/fence.ts'
import { loadMcpCore } from '../lib/mcp/core/load.ts'
import type { McpCore } from '../lib/mcp/core/types.ts'
import { callTool } from '../lib/mcp/tools/call.ts'
import { createProgress } from '../lib/mcp/transport/progress.ts'
import { NO_METRICS } from '../lib/telemetry/metrics.ts'
import { createToolCallRecorder } from '../lib/telemetry/tool-calls.ts'
import { NO_TRACING } from '../lib/telemetry/tracing.ts'
import { createUpstreamBudget } from '../lib/upstream/budget.ts'
import { cleanBody } from '../lib/upstream/clean-json.ts'
import { createSentryLocation } from '../lib/upstream/location.ts'
import { DEFAULT_TIMEOUTS } from '../lib/upstream/tool-call.ts'
import { startSentry } from '../test/sandbox/sentry/server.ts'
import { formatTable, median } from './report.ts'

const ROUNDS = 7
const CALLS = 50
/** The work alone is a hundred times shorter, and the clock of a thread is coarse. */
const REPETITIONS = 2_000

/** What the work may add to a call, in percent of its CPU time. */
const MAX_PERCENT = 10

const ISSUE = { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1' }
const TOOLS: Record<string, Record<string, unknown>> = {
  get_issue_details: ISSUE,
  get_issue_breadcrumbs: ISSUE,
  search_issues: { organizationSlug: 'tidewater-books', query: 'is:unresolved' },
  search_events: { organizationSlug: 'tidewater-books', dataset: 'logs', query: 'severity:error' },
}

/**
 * Measures how much CPU cleaning and fencing of data from outside adds to a tool call, and fails if it is too much. Rounds
 * of whole calls and of that work alone alternate. mcp-core does not parse again what cleaning has parsed, so parsing is not counted. Sentry's
 * stand-in runs in a thread of its own, which is not measured.
 */
if (parentPort === null) await runBench()
else await serveSentry(parentPort)

interface Sentry {
  url: string
  host: string
  accessToken: string
}

/** Tells the main thread where it is, and, of the responses after a message, the texts. */
async function serveSentry(port: MessagePort): Promise<void> {
  let texts: string[] | undefined
  const sentry = await startSentry({
    onResponse: ({ text }) => void (text !== undefined && texts?.push(text)),
  })
  const { accessToken } = sentry.issueTokens()
  port.postMessage({ url: sentry.url, host: sentry.host, accessToken } satisfies Sentry)
  port.on('message', (wanted: 'record' | 'send') => {
    if (wanted === 'send') port.postMessage(texts)
    texts = wanted === 'record' ? [] : undefined
  })
}

async function runBench(): Promise<void> {
  const worker = new Worker(new URL(import.meta.url))
  const receive = () => new Promise<unknown>((resolve) => worker.once('message', resolve))
  const sentry = (await receive()) as Sentry
  const core = await loadMcpCore()
  const url = new URL(`${sentry.url}/api/0/`)
  const headers = new Headers({ 'content-type': 'application/json' })
  const pairs: [name: string, pair: CpuPair][] = []
  for (const [name, args] of Object.entries(TOOLS)) {
    const callOnce = () => call(core, sentry, name, args)
    worker.postMessage('record')
    const text = await callOnce()
    const recorded = receive()
    worker.postMessage('send')
    const bodies = ((await recorded) as string[]).map((body) => Buffer.from(body))
    if (bodies.length === 0) throw new Error(`${name} asked Sentry for nothing.`)
    const rounds: CpuPair[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const whole = await measure(CALLS, callOnce)
      const parsing = await measure(REPETITIONS, () => bodies.map((body) => JSON.parse(body.toString())))
      const work = await measure(REPETITIONS, () => [
        bodies.map((body) => cleanBody(body, { url, ok: true, headers })),
        fenceText(text),
      ])
      rounds.push({ without: whole - work + parsing, with: whole })
    }
    pairs.push([name, pickMiddle(rounds)])
  }
  const rows = pairs.map(([name, pair]) => [
    name,
    `${pair.without.toFixed(2)} ms`,
    `${pair.with.toFixed(2)} ms`,
    `${computePercent(pair).toFixed(1)} %`,
  ])
  const most = Math.max(...pairs.map(([, pair]) => computePercent(pair)))
  process.stdout.write(`${formatTable(['CPU of a call', 'without', 'with', 'more'], rows)}\n\n`)
  process.stdout.write(`At most ${MAX_PERCENT} % more CPU: ${most <= MAX_PERCENT ? 'yes' : 'no'}.\n`)
  if (most > MAX_PERCENT) process.exitCode = 1
  await worker.terminate()
}

/** Milliseconds of CPU of a call without and with the work. */
interface CpuPair {
  without: number
  with: number
}

/** The pair of the middle round, by what the work adds. */
function pickMiddle(pairs: readonly CpuPair[]): CpuPair {
  const wanted = median(pairs.map(computePercent))
  const middle = pairs.find((pair) => computePercent(pair) === wanted)
  if (middle === undefined) throw new Error('There was no round.')
  return middle
}

function computePercent({ without, with: whole }: CpuPair): number {
  return (whole / without - 1) * 100
}

async function call(
  core: McpCore,
  sentry: Sentry,
  name: string,
  args: Record<string, unknown>,
): Promise<string> {
  const { accessToken } = sentry
  const names = new Set(Object.keys(core.tools))

  const tool = core.tools[name]
  if (tool === undefined) throw new Error(`There is no tool ${name}.`)
  const budget = createUpstreamBudget()
  const { signal } = new AbortController()
  const share = budget.open('1001', signal)
  const { content } = await callTool(
    {
      tool,
      args,
      reportProgress: () => undefined,
      accessToken,
      progress: createProgress(),
      signal,
      share,
      countAgentRun: async () => undefined,
      reference: 'bench',
      log: Fastify().log,
      variant: {
        tools: new Map(Object.entries(core.tools)),
        notGranted: new Map(),
        grantedSkills: new Set(['inspect', 'seer', 'triage']),
        availableToolNames: names,
        directToolNames: names,
        findCurrentName: (called) => called,
        list: [],
        listJson: Buffer.alloc(0),
      },
      caller: {
        clientId: 'bench',
        clientName: 'bench',
        subject: '1001',
        userId: '1001',
        scope: new Set(),
        skills: new Set(),
        constraints: {},
        openAccessToken: async () => accessToken,
        renewAccessToken: async () => accessToken,
      },
    },
    {
      core,
      sentry: createSentryLocation({ SENTRY_HOST: sentry.host, SENTRY_PROTOCOL: 'http' }),
      mcpUrl: sentry.url,
      timeouts: DEFAULT_TIMEOUTS,
      budget,
      calls: createToolCallRecorder({ metrics: NO_METRICS, tracing: NO_TRACING, hashSubject: String }),
    },
  )
  share.close()
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('\n')
}

/** Milliseconds of CPU that `work` takes. The first call only warms up. */
async function measure(repetitions: number, work: () => unknown): Promise<number> {
  await work()
  const start = process.threadCpuUsage()
  for (let count = 0; count < repetitions; count += 1) await work()
  const { user, system } = process.threadCpuUsage(start)
  return (user + system) / 1000 / repetitions
}
