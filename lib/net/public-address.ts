import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** What of IPv4 is not the public Internet (RFC 6890 and the IANA special-purpose registry). */
const SPECIAL_IPV4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24'],
  ...['192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
  // Azure's host agent, which every virtual machine there can reach, under an address that looks public.
  '168.63.129.16/32',
]

/**
 * What of IPv6's global unicast is not the public Internet, or is a way to an IPv4 address: protocol assignments
 * with Teredo (RFC 4380), documentation, 6to4 (RFC 3056), AS112.
 */
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20']

const special = new BlockList()
for (const range of SPECIAL_IPV4) special.addSubnet(...parseRange(range), 'ipv4')
for (const range of SPECIAL_IPV6) special.addSubnet(...parseRange(range), 'ipv6')

/** All that is global unicast (RFC 4291 §2.4, as far as IANA has assigned it); mapped IPv4 and NAT64 are not. */
const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

/**
 * Whether an address is one of the public Internet: global unicast, and neither this machine nor its network nor
 * another address in disguise. What is not a plain address is not public.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4')
  // A zone (RFC 4007 §11) belongs to addresses of a link.
  if (!isIPv6(address) || address.includes('%')) return false
  return globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6') && !isIsatap(address)
}

/** RFC 5214 §6.1: an address of any prefix whose last 64 bits lead on to an IPv4 address. */
function isIsatap(address: string): boolean {
  const [, , , , flags, marker] = readGroups(address)
  return marker === 0x5efe && (flags === 0 || flags === 0x200)
}

/** The eight groups of 16 bits. The URL parser writes an IPv4 tail as groups and leaves zeros out. */
function readGroups(address: string): number[] {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const [left, right] = [head, tail].map((part) => (part === '' ? [] : part.split(':')))
  const [before, after] = [left ?? [], right ?? []]
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16))
}

function parseRange(range: string): [string, number] {
  const [network = '', length] = range.split('/')
  return [network, Number(length)]
}
