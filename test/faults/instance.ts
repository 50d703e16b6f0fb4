import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { findFreePort } from '../support/free-port.ts'
import type { Lifetime } from '../support/service.ts'

/** The service as a process of its own, which faults can happen to. */
export interface Instance {
  port: number
  /** `http://127.0.0.1:port` */
  url: string
  /** Every line it has written, those of all its lives. */
  log: string[]
  /** What it is started with; a change counts from the next start. */
  settings: Record<string, string>
  /** Sends it a signal, and resolves when it has ended to how it ended. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<Ending>
  /** Starts it again on the same port. Resolves when it is ready. */
  start(): Promise<void>
  /** How it ended, if it has. */
  readonly ending: Ending | undefined
}

export interface Ending {
  /** The exit code; null for a process that a signal ended. */
  code: number | null
  /** ms from the signal, or from the start for a process that ended by itself. */
  after: number
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAM = ['-r', './lib/check-node.cjs', 'server.ts']
const START_PATIENCE = 20_000

/** An instance on a free port of loopback. It is not started yet, and ends with `t`. */
export async function createInstance(t: Lifetime, settings: Record<string, string>): Promise<Instance> {
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const log: string[] = []
  let life: { kill(signal: NodeJS.Signals): void; ended: Promise<Ending>; ending?: Ending } | undefined

  function launch() {
    const env = { PATH: process.env.PATH, PORT: String(port), HOST: '127.0.0.1', ...instance.settings }
    const child = spawn(process.execPath, PROGRAM, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const endNow = () => child.kill('SIGKILL')
    process.once('exit', endNow)
    collectLines(child.stdout, log)
    collectLines(child.stderr, log)
    let since = Date.now()
    const ended = new Promise<Ending>((resolve) => {
      child.once('close', (code) => {
        process.off('exit', endNow)
        started.ending = { code, after: Date.now() - since }
        resolve(started.ending)
      })
    })
    const kill = (signal: NodeJS.Signals) => {
      since = Date.now()
      child.kill(signal)
    }
    const started: NonNullable<typeof life> = { kill, ended }
    return started
  }

  const instance: Instance = {
    port,
    url,
    log,
    settings,
    async end(signal) {
      if (life === undefined) throw new TypeError('The instance was never started.')
      life.kill(signal)
      return life.ended
    },
    async start() {
      life = launch()
      await waitUntilReady(instance)
    },
    get ending() {
      return life?.ending
    },
  }
  t.teardown(async () => {
    if (life !== undefined && life.ending === undefined) await instance.end('SIGKILL')
  })
  return instance
}

/** Resolves when the instance says that it should get requests. Throws when it ends instead. */
export async function waitUntilReady(instance: Instance): Promise<void> {
  const deadline = Date.now() + START_PATIENCE
  while ((await readReadiness(instance)).status !== 'ready') {
    if (instance.ending !== undefined || Date.now() > deadline)
      throw new Error(`An instance is not ready: ${instance.log.slice(-5).join('\n')}`)
    await sleep(20)
  }
}

/** What `/health/ready` says; `away` when nobody answers. */
export async function readReadiness({ url }: Pick<Instance, 'url'>): Promise<{ status: string }> {
  try {
    const response = await fetch(`${url}/health/ready`, { headers: { connection: 'close' } })
    return (await response.json()) as { status: string }
  } catch {
    return { status: 'away' }
  }
}

function collectLines(stream: NodeJS.ReadableStream, lines: string[]): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
}
