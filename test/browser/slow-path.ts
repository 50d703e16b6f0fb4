import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { findFreePort } from '../support/free-port.ts'

/** A port on loopback from which everything takes a while to a server, in each direction. */
export interface SlowPath {
  url: string
  /** Names the server, which can be started after the path: its settings have the URL. */
  connect(serverUrl: string): void
}

export async function startSlowPath(t: Test, latencyMs: number): Promise<SlowPath> {
  const port = await findFreePort()
  const sockets = new Set<Socket>()
  let target = 0
  const server = createServer((near) => {
    const far = connect(target, 'localhost')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', async (data) => {
        await sleep(latencyMs)
        to.write(data)
      })
      from.on('close', async () => {
        await sleep(latencyMs)
        to.destroy()
      })
      from.on('error', () => undefined)
    }
  })
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `http://localhost:${port}`,
    connect(serverUrl) {
      target = Number(new URL(serverUrl).port)
    },
  }
}
