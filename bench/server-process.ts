import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RunningProcess, startProcess, waitForResponse } from '../test/support/running-process.ts'

/** Servers share one core and the load has the other one, with Redis and the stand-in for Sentry. */
const SERVER_CORE = '0'
const LOAD_CORE = '1'

/** The unit of times in proc_pid_stat(5), by default of every kernel. */
const TICKS_PER_SECOND = 100

const MEGABYTE = 1024 * 1024
const END_TIMEOUT_MS = 2_000

/** A server that is measured, as a process of its own. */
export interface ServerProcess {
  /** `http://127.0.0.1:port` */
  url: string
  /** From starting the process to its first response, in ms. */
  startMs: number
  /** CPU time of all of its threads since its start, in ms. */
  readCpuMs(): number
  /** Resident memory, in MB. */
  readResidentMb(): number
  end(): Promise<void>
}

export interface ServerProgram {
  /** Path in the repository. */
  script: string
  port: number
  env: Record<string, string>
  /** Where its output is written, so that writing its log is measured. */
  logFolder: string
  /** What is requested until it responds. */
  path?: string
}

/** Binds this process and what it starts from now on to the core of the load. False if the machine has no taskset. */
export function pinLoad(): boolean {
  return spawnSync('taskset', ['-acp', LOAD_CORE, `${process.pid}`]).status === 0
}

/** Starts a script of this repository on the core of the servers, and resolves when it responds. */
export async function startServer({
  script,
  port,
  env,
  logFolder,
  path = '/health',
}: ServerProgram): Promise<ServerProcess> {
  const url = `http://127.0.0.1:${port}`
  const pin = canPin() ? ['taskset', '-c', SERVER_CORE] : []
  // `exec` keeps the process id, so that the id of the child is that of Node.
  const shell = ['sh', '-c', 'exec "$@" >> "$0"', join(logFolder, `${port}.log`)]
  const startedAt = performance.now()
  const running = startProcess([...shell, ...pin, process.execPath, script], {
    env: { NODE_ENV: 'production', PORT: String(port), HOST: '127.0.0.1', ...env },
  })
  await waitForResponse(`${url}${path}`, running, { accepts: () => true })
  return { url, startMs: performance.now() - startedAt, ...createMeter(running) }
}

function canPin(): boolean {
  return spawnSync('taskset', ['-c', SERVER_CORE, 'true']).status === 0
}

function createMeter(running: RunningProcess): Pick<ServerProcess, 'readCpuMs' | 'readResidentMb' | 'end'> {
  const folder = `/proc/${running.child.pid}`
  return {
    readCpuMs() {
      // User and system time are the fields 14 and 15 of the file, and the second one may contain spaces.
      const fields = readFileSync(`${folder}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND
    },
    readResidentMb() {
      const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`${folder}/status`, 'utf8'))?.[1]
      return (Number(kilobytes) * 1024) / MEGABYTE
    },
    async end() {
      const ended = running.end('SIGTERM')
      // Not every contender ends at SIGTERM.
      const timer = setTimeout(() => running.child.kill('SIGKILL'), END_TIMEOUT_MS)
      await ended
      clearTimeout(timer)
    },
  }
}
