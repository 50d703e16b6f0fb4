import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * A free loopback port. It is below the range of ephemeral ports, so that it is still free when its server begins to
 * listen.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
