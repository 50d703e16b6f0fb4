import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const PROGRAM = ['--expose-gc', '--import', './bench/gauge.ts', 'server.ts']
const START_PATIENCE = 20_000

/** What an instance holds, right after a collection. */
export interface Gauge {
  /** Bytes. */
  heap: number
  /** Bytes of buffers, outside of the heap. */
  buffers: number
  /** Bytes. */
  rss: number
  /** Open file descriptors, sockets among them; 0 where the system does not tell. */
  descriptors: number
}

/** An instance of the service in a process of its own, which can be looked into from outside. */
export interface GaugedServer {
  measure(): Promise<Gauge>
  end(): Promise<void>
}

/** Starts it, and waits until it is ready. */
export async function startGaugedServer(
  port: number,
  settings: Record<string, string>,
): Promise<GaugedServer> {
  const env = { PATH: process.env.PATH, PORT: String(port), HOST: '127.0.0.1', ...settings }
  const child = spawn(process.execPath, PROGRAM, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const endNow = () => child.kill('SIGKILL')
  process.once('exit', endNow)
  const deadline = Date.now() + START_PATIENCE
  while (!(await isReady(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('An instance did not start.')
    await sleep(50)
  }
  return {
    async measure() {
      const answer = once(child, 'message')
      child.send('measure')
      const [{ heapUsed: heap, external: buffers, rss }] = (await answer) as [NodeJS.MemoryUsage]
      return { heap, buffers, rss, descriptors: countDescriptors(child.pid) }
    },
    async end() {
      process.off('exit', endNow)
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined)
  await answer?.body?.cancel()
  return answer?.status === 200
}

function countDescriptors(pid: number | undefined): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}
