import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * The range that a client's address is counted under: an IPv4 address itself, the /64 of an IPv6 address, since a
 * household is assigned all of it. Text that is not an address is returned as it is.
 */
export function readAddressRange(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.toString()
  const network = parsed.parts.slice(0, 4).map((part) => part.toString(16))
  return `${network.join(':')}::/64`
}

/** Whether a text is an IPv4 or IPv6 address, or a range of them in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3). */
export function isAddressOrRange(text: string): boolean {
  const [address = '', ...length] = text.split('/')
  return isIP(address) !== 0 && (length.length === 0 || ipaddr.isValidCIDR(text))
}
