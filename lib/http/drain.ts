import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/** A turn of the event loop that took less than this was idle. */
const IDLE_TURN_MS = 0.2

const MAX_TURNS = 1_000

const CHECK_INTERVAL_MS = 25

/** Graceful shutdown of a server, without losing a request. */
export interface Drain {
  /** Whether the server is shutting down and should get no more requests. */
  readonly isDraining: boolean
  /** Marks the server as draining. Requests are still served. */
  start(): void
  /**
   * Starts draining, serves for another `noticeMs`, closes the listener, and resolves when no connection is left.
   * Clients close their connections, as every response asks them to; unused ones are closed once no byte was
   * transferred for another `noticeMs`. Requests in flight are not limited.
   */
  run(noticeMs: number): Promise<void>
}

/**
 * Closing an idle connection can lose the request that is arriving on it, and closing the listener can lose those on
 * connections that wait to be accepted. Proxies do not retry either one if it was a POST. Hence the order: proxies
 * that check readiness choose other instances; the listener closes while kept connections go on serving, when hardly
 * any new connection is being made; then every response closes its connection, with notice.
 */
export function createDrain(server: Server): Drain {
  const sockets = new Set<Socket>()
  let isDraining = false

  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  async function run(noticeMs: number): Promise<void> {
    isDraining = true
    await sleep(noticeMs)
    await waitForIdleTurn()
    closeListener(server)
    server.prependListener('request', closeAfterResponse)
    let idleSince = Date.now()
    let transferred = countBytes()
    while (sockets.size > 0) {
      await sleep(CHECK_INTERVAL_MS)
      const current = countBytes()
      if (current !== transferred) idleSince = Date.now()
      else if (Date.now() - idleSince > noticeMs) closeUnused()
      transferred = current
    }
  }

  function closeAfterResponse(_request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('connection', 'close')
  }

  /** The bytes transferred on all open connections. */
  function countBytes(): number {
    return sockets.values().reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0)
  }

  /** Closes idle connections, and those without a request so far, which Node does not count as idle (nodejs/node#63470). */
  function closeUnused(): void {
    server.closeIdleConnections()
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }

  return {
    get isDraining() {
      return isDraining
    },
    start() {
      isDraining = true
    },
    run,
  }
}

/**
 * Stops accepting connections and leaves the open ones alone. Since Node 19 `http.Server.close` closes idle connections
 * too (nodejs/node#43522), on purpose and without an option (nodejs/node#53939), so this calls its base class's.
 */
function closeListener(server: Server): void {
  NetServer.prototype.close.call(server)
}

/** Resolves right after an idle turn of the event loop, in which it can only have accepted connections. */
async function waitForIdleTurn(): Promise<void> {
  for (let turn = 0; turn < MAX_TURNS; turn += 1) {
    const startedAt = performance.now()
    await nextTurn()
    if (performance.now() - startedAt < IDLE_TURN_MS) return
  }
}
