import { request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { createLookup, type Network } from './network.ts'

/** Whether the service can reach the Internet. */
export interface EgressMonitor {
  /** As of the last check; false until the first one has succeeded. */
  isOpen(): boolean
  close(): void
}

const CONNECT_TIMEOUT_MS = 2_000
const CHECK_INTERVAL_MS = 5 * 60_000

/**
 * Checks whether TLS connections to all of these places (`host:port`) can be made: immediately, without delaying the
 * caller, and every five minutes. `onChange` is called after the first check and whenever the result changes, with
 * the reason when a place cannot be reached.
 */
export function monitorEgress(
  places: readonly string[],
  { network, onChange }: { network: Network; onChange(reason: unknown): void },
): EgressMonitor {
  let isOpen: boolean | undefined
  const timer = setInterval(check, CHECK_INTERVAL_MS).unref()
  check()

  async function check(): Promise<void> {
    const outcomes = await Promise.allSettled(places.map((place) => connectTo(place, network)))
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    const wasOpen = isOpen
    isOpen = failure === undefined
    if (isOpen !== wasOpen) onChange(failure?.reason)
  }

  return { isOpen: () => isOpen === true, close: () => clearInterval(timer) }
}

function connectTo(place: string, network: Network): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // The request is never ended, so that it connects and sends nothing.
  const connection = request(`https://${place}/`, {
    agent: network.agent ?? false,
    lookup: createLookup(network),
    ca: network.ca,
  })
    .on('socket', (socket: TLSSocket) => {
      // Through a proxy, the socket is emitted after its handshake.
      if (socket.authorized) resolve()
      else socket.once('secureConnect', resolve)
    })
    .on('error', reject)
  const onTimeout = () => reject(new Error(`${place} did not respond within ${CONNECT_TIMEOUT_MS} ms.`))
  const timer = setTimeout(onTimeout, CONNECT_TIMEOUT_MS)
  return promise.finally(() => {
    clearTimeout(timer)
    connection.destroy()
  })
}
