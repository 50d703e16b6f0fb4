import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { startProcess, waitForResponse } from '../../test/support/running-process.ts'

const COMMAND = [process.execPath, '--expose-gc', '--import', './bench/soak/gauge.ts', 'server.ts']

/** What a process holds right after a garbage collection; all but `descriptors` in bytes. */
export interface Gauge {
  heap: number
  /** Buffers, which are outside of the heap. */
  buffers: number
  rss: number
  /** Open file descriptors, sockets among them; 0 where the system does not say. */
  descriptors: number
}

/** An instance of the service as a process of its own, whose memory can be measured. */
export interface InstrumentedServer {
  measure(): Promise<Gauge>
  end(): Promise<void>
}

/** Starts an instance, and resolves when it is ready. */
export async function startInstrumentedServer(
  port: number,
  settings: Record<string, string>,
): Promise<InstrumentedServer> {
  const env = { PORT: String(port), HOST: '127.0.0.1', ...settings }
  const running = startProcess(COMMAND, { env, hasChannel: true })
  const { child } = running
  await waitForResponse(`http://127.0.0.1:${port}/health/ready`, running)
  return {
    async measure() {
      const message = once(child, 'message')
      child.send('measure')
      const [{ heapUsed: heap, external: buffers, rss }] = (await message) as [NodeJS.MemoryUsage]
      return { heap, buffers, rss, descriptors: countDescriptors(child.pid) }
    },
    async end() {
      await running.end('SIGTERM')
    },
  }
}

function countDescriptors(pid: number | undefined): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}
