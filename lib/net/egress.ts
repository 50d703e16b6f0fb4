import { request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { createLookup, type Network } from './network.ts'

/** Whether the outside can be reached, as far as is known. */
export interface EgressWatch {
  /** False until a first look has succeeded. */
  isOpen(): boolean
  close(): void
}

/** How long a host may take to let us in, in ms. */
const PATIENCE = 2_000

/** How often it is looked, in ms. */
const INTERVAL = 5 * 60_000

/**
 * Watches whether TLS connections to all of these places (`host:port`) can be made: at once, which nothing waits
 * for, and every five minutes from then on. `onChange` hears of the first look and whenever the answer changes;
 * it gets the reason when the way is closed.
 */
export function watchEgress(
  places: readonly string[],
  { network, onChange }: { network: Network; onChange(reason: unknown): void },
): EgressWatch {
  let isOpen: boolean | undefined
  const timer = setInterval(look, INTERVAL).unref()
  look()

  async function look(): Promise<void> {
    const outcomes = await Promise.allSettled(places.map((place) => reach(place, network)))
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    const wasOpen = isOpen
    isOpen = failure === undefined
    if (isOpen !== wasOpen) onChange(failure?.reason)
  }

  return { isOpen: () => isOpen === true, close: () => clearInterval(timer) }
}

function reach(place: string, network: Network): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Nothing is sent: it is never ended, only connected.
  const connection = request(`https://${place}/`, {
    agent: network.agent ?? false,
    lookup: createLookup(network),
    ca: network.ca,
  })
    .on('socket', (socket: TLSSocket) => {
      // Through a proxy it comes when all is done.
      if (socket.authorized) resolve()
      else socket.once('secureConnect', resolve)
    })
    .on('error', reject)
  const timer = setTimeout(() => reject(new Error(`${place} did not answer in ${PATIENCE} ms.`)), PATIENCE)
  return promise.finally(() => {
    clearTimeout(timer)
    connection.destroy()
  })
}
