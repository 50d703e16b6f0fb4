import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** IPv6 global unicast as far as IANA has assigned it (RFC 4291 §2.4). Mapped IPv4 and NAT64 are outside of it. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/** Azure's host agent: every virtual machine there can reach it, and its address looks public. */
const AZURE_HOST_AGENT = '168.63.129.16'

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
