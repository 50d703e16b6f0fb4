import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

/** Stands where an instance of the service would, and helps nginx with nothing: it sends no header for proxies. */
export interface Instance {
  port: number
  /** Every request that reached it, oldest first. */
  requests: IncomingMessage[]
}

/** What it does with a request; by default it answers with 200. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

export async function startInstance(t: Test, behave: Behaviour = answer): Promise<Instance> {
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

/** Takes a request, and the connection breaks before there is an answer. */
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

function answer(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain' }).end('answered')
}
