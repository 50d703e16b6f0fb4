import type { LookupAddress } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import type { Agent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { isPublicAddress } from './public-address.ts'

/** How the outside is reached on behalf of somebody who is not trusted. */
export interface Network {
  /** All addresses of a host name; none where there are none. */
  resolve(hostname: string): Promise<LookupAddress[]>
  /** Whether a connection to this address may be made. */
  isAllowedAddress(address: string): boolean
  /** The certificate authority to trust, PEM; without one, those that Node comes with. */
  ca?: string
  /** Goes through a proxy where there is one for a host; without it, no host has one. */
  agent?: Agent
}

/** How long the name server may take for one try, in ms, and how many there are. */
const RESOLVER_OPTIONS = { timeout: 1_500, tries: 2 }

/** The public Internet, and nothing but that. */
export const PUBLIC_NETWORK: Network = { resolve: resolveName, isAllowedAddress: isPublicAddress }

/**
 * Asks the name server itself and not getaddrinfo: that keeps a thread for as long as a name does not answer, and
 * there are few of them, which everything else in the process shares.
 */
async function resolveName(hostname: string): Promise<LookupAddress[]> {
  const resolver = new Resolver(RESOLVER_OPTIONS)
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  return [
    ...(v4.status === 'fulfilled' ? v4.value.map((address) => ({ address, family: 4 })) : []),
    ...(v6.status === 'fulfilled' ? v6.value.map((address) => ({ address, family: 6 })) : []),
  ]
}

/**
 * The `lookup` option of a connection that leads only where the network allows. It is asked once for each
 * connection, and what it answers is what is connected to, so a name that resolves to something else a moment
 * later (DNS rebinding) gains nothing. One address that is not allowed refuses the whole name.
 */
export function createLookup(network: Network): LookupFunction {
  return (hostname, { all: wantsAll }, done) => {
    resolveAllowed(hostname, network).then(
      (addresses) =>
        wantsAll ? done(null, addresses) : done(null, addresses[0].address, addresses[0].family),
      (error) => done(error, []),
    )
  }
}

/**
 * Refuses a host that leads, as seen from here, where the network does not allow. Through a proxy this is all that
 * can be said: a name that has no address here is the proxy's to resolve, and what it connects to still has to
 * hold the certificate of that name.
 */
export async function refuseForbidden(hostname: string, network: Network): Promise<LookupAddress[]> {
  const addresses = await network.resolve(hostname)
  const refused = addresses.find(({ address }) => !network.isAllowedAddress(address))
  if (refused !== undefined) throw new Error(`${hostname} leads to ${refused.address}, which is not allowed.`)
  return addresses
}

async function resolveAllowed(
  hostname: string,
  network: Network,
): Promise<[LookupAddress, ...LookupAddress[]]> {
  const [first, ...others] = await refuseForbidden(hostname, network)
  if (first === undefined) throw new Error(`${hostname} has no address.`)
  return [first, ...others]
}
