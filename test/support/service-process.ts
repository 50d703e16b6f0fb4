import { findFreePort } from './free-port.ts'
import type { Lifetime } from './lifetime.ts'
import { type Ending, type RunningProcess, startProcess, waitForResponse } from './running-process.ts'

/** The service as a process of its own, as `npm start` runs it. */
export interface ServiceProcess {
  port: number
  /** `http://127.0.0.1:port` */
  url: string
  /** Every line that it has written, over all its starts. */
  log: string[]
  /** Its environment; a change takes effect at the next start. */
  settings: Record<string, string>
  /** Starts it, again on the same port. Resolves when it is ready; throws when it ends instead. */
  start(): Promise<void>
  /** Sends a signal without waiting. */
  signal(signal: NodeJS.Signals): void
  /** Sends a signal, and resolves when the process has ended. */
  end(signal: NodeJS.Signals): Promise<Ending>
  /** Of the running process. */
  readonly pid: number
  /** How it ended, if it has. */
  readonly ending: Ending | undefined
}

const COMMAND = [process.execPath, '-r', './commands/check-node.cjs', 'server.ts']

/** The settings of a service, by its URL. */
export type CreateSettings = (url: string) => Record<string, string>

/** A service on a free loopback port, which is not started yet; it ends with `t`. */
export async function createServiceProcess(
  t: Lifetime,
  createSettings: CreateSettings,
): Promise<ServiceProcess> {
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const log: string[] = []
  let running: RunningProcess | undefined

  function requireRunning(): RunningProcess {
    if (running === undefined) throw new TypeError('The service was not started.')
    return running
  }

  const service: ServiceProcess = {
    port,
    url,
    log,
    settings: createSettings(url),
    async start() {
      const env = { PORT: String(port), HOST: '127.0.0.1', ...service.settings }
      running = startProcess(COMMAND, { env, onLine: (line) => log.push(line) })
      await waitForResponse(`${url}/health/ready`, running)
    },
    signal(signal) {
      requireRunning().child.kill(signal)
    },
    end: (signal) => requireRunning().end(signal),
    get pid() {
      const { pid } = requireRunning().child
      if (pid === undefined) throw new TypeError('The service has no process.')
      return pid
    },
    get ending() {
      return running?.ending
    },
  }
  t.teardown(async () => {
    if (running !== undefined && running.ending === undefined) await running.end('SIGKILL')
  })
  return service
}

/** Starts the service as a process, and resolves when it is ready; it ends with `t`. */
export async function startServiceProcess(
  t: Lifetime,
  createSettings: CreateSettings,
): Promise<ServiceProcess> {
  const service = await createServiceProcess(t, createSettings)
  await service.start()
  return service
}

/** What `/health/ready` says; `away` when the service does not respond. */
export async function readReadiness({ url }: Pick<ServiceProcess, 'url'>): Promise<{ status: string }> {
  try {
    const response = await fetch(`${url}/health/ready`, { headers: { connection: 'close' } })
    return (await response.json()) as { status: string }
  } catch {
    return { status: 'away' }
  }
}
