import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export interface DemoServiceOptions {
  port: number
  sentryHost: string
  clientId: string
  clientSecret: string
  docsUrl: string
  logLevel: 'info' | 'warn'
  /** Given each line of the service's log. */
  onLog: (line: string) => void
  /** Gives up waiting for the start. */
  signal: AbortSignal
}

/** The service as a process of its own, with settings that depend on nothing outside the demo. */
export interface DemoService {
  /** The public URL, which is also its issuer. */
  url: string
  /** The last lines of its log, oldest first. */
  log: readonly string[]
  /** Resolves to its exit code once it has ended, by itself or by `stop`. */
  ended: Promise<number | null>
  /** Ends it and removes what it stored. */
  stop(): Promise<void>
}

/** A step of the demo did not go well; `log` is the last that the service said. */
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

const ROOT = join(import.meta.dirname, '../../..')
const START = 'start of the service'
const KEPT_LINES = 12
/** ms */
const START_LIMIT = 20_000
const STOP_LIMIT = 8_000

/** Starts server.ts and waits until it answers. Throws `DemoError`, having stopped it, when it does not. */
export async function startDemoService(options: DemoServiceOptions): Promise<DemoService> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sentry-mcp-demo-'))
  const url = `http://localhost:${options.port}`
  const child = spawn(process.execPath, [join(ROOT, 'server.ts')], {
    // Away from the checkout, so that an .env there is not found.
    cwd: dataDir,
    env: createEnvironment(options, url, dataDir),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const endNow = () => {
    child.kill('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  }
  // Whatever ends the demo ends the service; an exit leaves no time for more than a signal.
  process.once('exit', endNow)

  const log = collectLog(child, options.onLog)
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve)
    child.once('error', () => resolve(null))
  })

  async function stop(): Promise<void> {
    child.kill('SIGTERM')
    await Promise.race([ended, delay(STOP_LIMIT, undefined, { ref: false })])
    endNow()
    process.off('exit', endNow)
  }

  const service: DemoService = { url, log, ended, stop }
  try {
    await waitUntilHealthy(service, options.signal)
    return service
  } catch (error) {
    await stop()
    throw error
  }
}

/** Nothing of the user's shell but what a process needs to run at all. */
function createEnvironment(
  options: DemoServiceOptions,
  url: string,
  dataDir: string,
): Record<string, string> {
  const { PATH = '', HOME = dataDir, TMPDIR = tmpdir() } = process.env
  return {
    PATH,
    HOME,
    TMPDIR,
    NODE_ENV: 'production',
    BASE_URL: url,
    HOST: '127.0.0.1',
    SHUTDOWN_GRACE: '1',
    PORT: String(options.port),
    STORE: 'embedded',
    DATA_DIR: dataDir,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    JWT_SIGNING_KEY: randomBytes(32).toString('base64'),
    SENTRY_HOST: options.sentryHost,
    SENTRY_PROTOCOL: 'http',
    SENTRY_CLIENT_ID: options.clientId,
    SENTRY_CLIENT_SECRET: options.clientSecret,
    DIRECT_SEARCH: 'true',
    MCP_URL: options.docsUrl,
    LOG_LEVEL: options.logLevel,
    CLIENT_ID_METADATA_DOCUMENTS: 'false',
  }
}

function collectLog(child: ChildProcess, onLog: (line: string) => void): string[] {
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      for (const line of parts.filter((part) => part !== '')) {
        lines.push(line)
        if (lines.length > KEPT_LINES) lines.shift()
        onLog(line)
      }
    })
  }
  return lines
}

async function waitUntilHealthy({ url, ended, log }: DemoService, signal: AbortSignal): Promise<void> {
  const address = `${url}/health`
  const ending = ended.then((code) => {
    throw new DemoError(START, `it ended with exit code ${code}`, log)
  })
  // Once the service is up, its end is no longer a failed start.
  ending.catch(() => undefined)
  const deadline = Date.now() + START_LIMIT
  while (Date.now() < deadline) {
    const response = await fetch(address, { signal: AbortSignal.timeout(1000) }).catch(() => undefined)
    if (response?.ok === true) return
    await Promise.race([ending, delay(100, undefined, { signal })])
  }
  throw new DemoError(START, `it did not answer at ${address} within ${START_LIMIT / 1000} s`, log)
}
