import type { LookupAddress } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import type { Agent } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

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

/** IPv6 global unicast as far as IANA has assigned it (RFC 4291 §2.4). Mapped IPv4 and NAT64 are outside of it. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/** Azure's host agent: every virtual machine there can reach it, and its address looks public. */
const AZURE_HOST_AGENT = '168.63.129.16'

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

/**
 * Whether an address is on the public Internet: global unicast, outside the special-purpose ranges (RFC 6890), and
 * not a way to an embedded IPv4 address. Only plain addresses qualify: no port, zone (RFC 4007 §11) or short form.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%') || address === AZURE_HOST_AGENT) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  return parsed instanceof ipaddr.IPv4 || (parsed.match(GLOBAL_UNICAST) && !isIsatap(parsed))
}

/** RFC 5214 §6.1: under any prefix, the last 64 bits lead on to an IPv4 address. */
function isIsatap({ parts: [, , , , flags, marker] }: ipaddr.IPv6): boolean {
  return marker === 0x5efe && (flags === 0 || flags === 0x200)
}
