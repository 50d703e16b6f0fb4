import type { LookupAddress } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import type { Agent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { isPublicAddress } from './public-address.ts'

/** How the service reaches hosts that untrusted parties name. */
export interface Network {
  /** All addresses of a host name; empty when it has none. */
  resolve(hostname: string): Promise<LookupAddress[]>
  /** Whether a connection to this address may be made. */
  isAllowedAddress(address: string): boolean
  /** The certificate authority to trust, PEM; by default those that Node trusts. */
  ca?: string
  /** Connects through a proxy, where one is configured for a host. By default every connection is direct. */
  agent?: Agent
}

/** Timeout of one query to the name server, in ms, and the number of queries. */
const RESOLVER_OPTIONS = { timeout: 1_500, tries: 2 }

/** The public Internet only. */
export const PUBLIC_NETWORK: Network = { resolve: resolveName, isAllowedAddress: isPublicAddress }

/**
 * Queries the name server directly. getaddrinfo would block a thread of libuv's pool, which the whole process shares,
 * for as long as the name server does not respond.
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
 * The `lookup` option for connections to allowed addresses only. Node calls it once for each connection and connects
 * to the address it returns, so a name that resolves differently a moment later (DNS rebinding) has no effect. One
 * forbidden address refuses the whole name.
 */
export function createLookup(network: Network): LookupFunction {
  return (hostname, { all: wantsAll }, done) => {
    resolveAny(hostname, network).then(
      (addresses) =>
        wantsAll ? done(null, addresses) : done(null, addresses[0].address, addresses[0].family),
      (error) => done(error, []),
    )
  }
}

/**
 * The addresses of a host; throws when one of them is forbidden. Behind a proxy no more can be checked: a name without
 * an address here is resolved by the proxy, and the server it connects to still needs a certificate for that name.
 */
export async function resolveAllowed(hostname: string, network: Network): Promise<LookupAddress[]> {
  const addresses = await network.resolve(hostname)
  const forbidden = addresses.find(({ address }) => !network.isAllowedAddress(address))
  if (forbidden !== undefined) {
    throw new Error(`${hostname} resolves to ${forbidden.address}, which is not allowed.`)
  }
  return addresses
}

async function resolveAny(hostname: string, network: Network): Promise<[LookupAddress, ...LookupAddress[]]> {
  const [first, ...others] = await resolveAllowed(hostname, network)
  if (first === undefined) throw new Error(`${hostname} has no address.`)
  return [first, ...others]
}
