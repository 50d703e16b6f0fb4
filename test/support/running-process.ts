import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const START_TIMEOUT_MS = 20_000
const RESPONSE_TIMEOUT_MS = 5_000

/** A child process that is killed with this process, however that ends. */
export interface RunningProcess {
  child: ChildProcess
  /** Every line of its stdout and stderr so far, but for empty ones. */
  lines: string[]
  readonly stdout: string
  readonly stderr: string
  /** Resolves once it has ended and all of its output was read. */
  ended: Promise<Ending>
  readonly ending: Ending | undefined
  /** Sends a signal, and resolves when the process has ended. */
  end(signal: NodeJS.Signals): Promise<Ending>
}

export interface Ending {
  /** The exit code; null for a process that a signal ended or that could not be started. */
  code: number | null
  signal: NodeJS.Signals | null
  /** Time from the signal, or from the start for a process that was sent none. */
  afterMs: number
}

export interface ProcessOptions {
  /** Replaces this process's environment, of which only PATH and the folder for compiled code are kept. */
  env?: Record<string, string | undefined>
  /** The repository's root by default. */
  cwd?: string
  /** Opens a channel for `child.send`. */
  hasChannel?: boolean
  /** Receives each line when it is written. */
  onLine?: (line: string) => void
}

/** Starts a program, given with its arguments. */
export function startProcess(
  [program = '', ...args]: readonly string[],
  { env, cwd = ROOT, hasChannel = false, onLine }: ProcessOptions = {},
): RunningProcess {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const child = spawn(program, args, {
    cwd,
    // The options of this process are those of the test runner.
    env: { PATH, NODE_COMPILE_CACHE, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(hasChannel ? (['ipc'] as const) : [])],
  })
  const lines: string[] = []
  // The last element is a line that is not complete yet.
  const output = { stdout: [''], stderr: [''] }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = `${output[name].pop()}${chunk}`.split('\n')
      for (const line of parts.slice(0, -1)) {
        if (line === '') continue
        lines.push(line)
        onLine?.(line)
      }
      output[name].push(...parts)
    })
  }

  let since = Date.now()
  let ending: Ending | undefined
  const killNow = () => child.kill('SIGKILL')
  process.once('exit', killNow)
  const ended = new Promise<Ending>((resolve) => {
    function finish(code: number | null, signal: NodeJS.Signals | null) {
      process.off('exit', killNow)
      ending ??= { code, signal, afterMs: Date.now() - since }
      resolve(ending)
    }
    child.once('close', finish)
    child.once('error', (error) => {
      lines.push(error.message)
      finish(null, null)
    })
  })

  return {
    child,
    lines,
    ended,
    get stdout() {
      return output.stdout.join('\n')
    },
    get stderr() {
      return output.stderr.join('\n')
    },
    get ending() {
      return ending
    },
    end(signal) {
      since = Date.now()
      child.kill(signal)
      return ended
    },
  }
}

export interface WaitOptions {
  /** Which responses count; those with a status of 2xx by default. */
  accepts?(response: Response): boolean
  timeoutMs?: number
  signal?: AbortSignal
}

/** A process did not start; the message ends with the last lines that it wrote. */
export class ProcessStartError extends Error {
  override readonly name = 'ProcessStartError'
  readonly problem: string

  constructor(problem: string, lines: readonly string[]) {
    super([problem, ...lines.slice(-5)].join('\n'))
    this.problem = problem
  }
}

/**
 * Resolves when a process responds at a URL. Throws `ProcessStartError` when it ends before or takes too long, and
 * `AbortError` when `signal` is aborted.
 */
export async function waitForResponse(
  url: string,
  { ended, lines }: Pick<RunningProcess, 'ended' | 'lines'>,
  { accepts = ({ ok }) => ok, timeoutMs = START_TIMEOUT_MS, signal }: WaitOptions = {},
): Promise<void> {
  const failure = ended.then(({ code }) => {
    throw new ProcessStartError(`it ended with exit code ${code}`, lines)
  })
  // Once the process has responded, its end is not a failed start.
  failure.catch(() => undefined)
  const deadline = Date.now() + timeoutMs
  while (Date.now() < deadline) {
    const response = await fetch(url, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
    }).catch(() => undefined)
    await response?.body?.cancel()
    if (response !== undefined && accepts(response)) return
    await Promise.race([failure, sleep(20, undefined, { signal })])
  }
  throw new ProcessStartError(`it did not respond at ${url} within ${timeoutMs / 1000} s`, lines)
}

/** Runs a program to its end. */
export async function runToEnd(
  command: readonly string[],
  options: ProcessOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const running = startProcess(command, options)
  const { code } = await running.ended
  return { code, stdout: running.stdout, stderr: running.stderr }
}
