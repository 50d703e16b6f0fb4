import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Lifetime } from './lifetime.ts'

/** An event as Sentry receives it. */
export interface ReceivedEvent {
  level: string
  environment: string
  release: string
  message?: string
  tags: Record<string, string>
  exception?: { values: { type: string; value: string; stacktrace: { frames: { filename: string }[] } }[] }
}

/** A Sentry on loopback that accepts error reports and nothing else. */
export interface DsnReceiver {
  dsn: string
  /** The raw envelopes, oldest first. */
  envelopes: string[]
  /** The events in them. */
  readEvents(): ReceivedEvent[]
}

export async function startDsnReceiver(t: Lifetime): Promise<DsnReceiver> {
  const envelopes: string[] = []
  const server = createServer(async (request, response) => {
    const isEnvelope = request.url?.startsWith('/api/7/envelope/') === true
    if (isEnvelope) envelopes.push(`${request.url}\n${await text(request)}`)
    response.writeHead(isEnvelope ? 200 : 404, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    dsn: `http://publickey@127.0.0.1:${(server.address() as AddressInfo).port}/7`,
    envelopes,
    // The path, the header of the envelope, the header of its one item, and the item.
    readEvents: () => envelopes.map((envelope) => JSON.parse(envelope.split('\n')[3] ?? '')),
  }
}
