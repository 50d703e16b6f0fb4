import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ProcessStartError,
  ROOT,
  type RunningProcess,
  startProcess,
  waitForResponse,
} from '../../support/running-process.ts'
import { createSettings, type SentryAddress } from '../../support/settings.ts'

export interface DemoServiceOptions {
  port: number
  sentry: SentryAddress
  docsUrl: string
  /** Receives each line of the service's log. */
  onLog: (line: string) => void
  /** Aborts the wait for the start. */
  signal: AbortSignal
}

/** The service as a process of its own, with settings that depend on nothing outside the demo. */
export interface DemoService {
  /** The public URL, which is also the issuer. */
  url: string
  /** The last lines of its log, oldest first. */
  readonly log: readonly string[]
  /** Resolves when the process has ended. */
  ended: Promise<unknown>
  /** Ends it and removes what it stored. */
  stop(): Promise<void>
}

/** A step of the demo failed; `log` has the last lines of the service. */
export class DemoError extends Error {
  override readonly name = 'DemoError'
  readonly step: string
  readonly log: readonly string[]

  constructor(step: string, problem: string, log: readonly string[], options?: ErrorOptions) {
    super(problem, options)
    this.step = step
    this.log = log
  }
}

const LOG_LINES = 12
const STOP_TIMEOUT_MS = 8_000

/** Starts server.ts and waits until it responds. Throws `DemoError`, having stopped it, when it does not. */
export async function startDemoService(options: DemoServiceOptions): Promise<DemoService> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sentry-mcp-demo-'))
  const removeData = () => rmSync(dataDir, { recursive: true, force: true })
  process.once('exit', removeData)
  const url = `http://localhost:${options.port}`
  const running = startProcess([process.execPath, join(ROOT, 'server.ts')], {
    // Not in the checkout, so that an .env there is not read.
    cwd: dataDir,
    env: createEnvironment(options, url, dataDir),
    onLine: options.onLog,
  })
  const readLog = () => running.lines.slice(-LOG_LINES)

  async function stop(): Promise<void> {
    await endProcess(running)
    removeData()
    process.off('exit', removeData)
  }

  try {
    await waitForResponse(`${url}/health`, running, { signal: options.signal })
  } catch (error) {
    await stop()
    if (!(error instanceof ProcessStartError)) throw error
    throw new DemoError('start of the service', error.problem, readLog(), { cause: error })
  }
  return {
    url,
    get log() {
      return readLog()
    },
    ended: running.ended,
    stop,
  }
}

async function endProcess(running: RunningProcess): Promise<void> {
  const ended = running.end('SIGTERM')
  const isOver = await Promise.race([ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })])
  if (isOver === undefined) running.child.kill('SIGKILL')
}

/** The settings, and of the user's shell only what a process needs to run at all. */
function createEnvironment(
  { port, sentry, docsUrl }: DemoServiceOptions,
  url: string,
  dataDir: string,
): Record<string, string> {
  const { HOME = dataDir, TMPDIR = tmpdir() } = process.env
  return {
    HOME,
    TMPDIR,
    NODE_ENV: 'production',
    ...createSettings(url, sentry),
    HOST: '127.0.0.1',
    PORT: String(port),
    SHUTDOWN_GRACE: '1',
    STORE: 'embedded',
    DATA_DIR: dataDir,
    DIRECT_SEARCH: 'true',
    MCP_URL: docsUrl,
    LOG_LEVEL: 'info',
  }
}
