import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/** A turn of the event loop that was shorter than this, in ms, had nothing to do. */
const LULL = 0.2

/** How many turns are waited for one without work. */
const MAX_TURNS = 1_000

/** How often the connections are looked at, in ms. */
const INTERVAL = 25

/** The end of a server that loses no request. */
export interface Drain {
  /** Whether the server is about to end and should get no more requests. */
  readonly isDraining: boolean
  /** Says from now on that the server is about to end; everything is still served. */
  announce(): void
  /**
   * Announces the end, serves for `pause` ms more, closes the listener and resolves when no connection is left.
   * Connections are ended by their clients, which each answer asks to do, or once nothing came or went for
   * another `pause`; calls in flight may take as long as they want.
   */
  empty(pause: number): Promise<void>
}

/**
 * A server that closes an idle connection can lose the request that is on its way on it, and one that closes its
 * listener those on connections that wait to be accepted; proxies repeat neither if it was a POST. Hence the order:
 * proxies that ask for readiness choose other instances; the listener closes while the connections that proxies keep
 * go on serving, so that hardly anybody is opening one; then every answer ends its connection, with notice.
 */
export function createDrain(server: Server): Drain {
  const sockets = new Set<Socket>()
  let isDraining = false

  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  async function empty(pause: number): Promise<void> {
    isDraining = true
    await sleep(pause)
    await awaitLull()
    // Not the close of http.Server, which ends idle connections as well.
    NetServer.prototype.close.call(server)
    server.prependListener('request', endConnection)
    let quietSince = Date.now()
    let transferred = countBytes()
    while (sockets.size > 0) {
      await sleep(INTERVAL)
      const current = countBytes()
      if (current !== transferred) quietSince = Date.now()
      else if (Date.now() - quietSince > pause) endUnused()
      transferred = current
    }
  }

  function endConnection(_request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('connection', 'close')
  }

  /** What has come and gone on the connections there are. */
  function countBytes(): number {
    return sockets.values().reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0)
  }

  /** An answer that was under way when the listener closed leaves its connection idle: it ends here too. */
  function endUnused(): void {
    server.closeIdleConnections()
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }

  return {
    get isDraining() {
      return isDraining
    },
    announce() {
      isDraining = true
    },
    empty,
  }
}

/** Resolves right after a turn in which nothing but accepting connections can have taken place. */
async function awaitLull(): Promise<void> {
  for (let turn = 0; turn < MAX_TURNS; turn += 1) {
    const startedAt = performance.now()
    await nextTurn()
    if (performance.now() - startedAt < LULL) return
  }
}
