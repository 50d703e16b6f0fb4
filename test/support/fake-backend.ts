import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

/** A server in the place of the service, which sends no header for proxies: what nginx does is its configuration's. */
export interface FakeBackend {
  port: number
  /** Every request that reached it, oldest first. */
  requests: IncomingMessage[]
}

/** How it responds to a request; with 200 by default. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

export async function startFakeBackend(t: Test, behave: Behaviour = respond): Promise<FakeBackend> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    request.resume().once('end', () => void behave(request, response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, requests }
}

/** Breaks the connection after the request, without a response. */
export const breakOff: Behaviour = (request) => {
  request.socket.destroy()
}

/** Sends an event every 100 ms, six of them, each with the time it was sent at. */
export const stream: Behaviour = async (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let sent = 0; sent < 6; sent += 1) {
    response.write(`data: ${Date.now()}\n\n`)
    await sleep(100)
  }
  response.end()
}

function respond(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain' }).end('responded')
}
