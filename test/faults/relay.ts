import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lifetime } from '../support/lifetime.ts'

/** A TCP relay between the service and a server on loopback. */
export interface Relay {
  port: number
  /** Added to the server's every reply. */
  delayMs: number
  /** Whether what the service sends is dropped. */
  isCut: boolean
}

export async function startRelay(t: Lifetime, target: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    near.on('data', (chunk) => {
      if (!relay.isCut) far.write(chunk)
    })
    let last = Promise.resolve()
    far.on('data', (chunk) => {
      // Keeps the order.
      last = Promise.all([last, sleep(relay.delayMs)]).then(() => void near.write(chunk))
    })
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy()).on('close', () => near.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const relay: Relay = { port: (server.address() as AddressInfo).port, delayMs: 0, isCut: false }
  return relay
}
