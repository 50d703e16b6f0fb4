import { test } from 'tap'
import { isPublicAddress } from '../../../lib/net/network.ts'
import { FORBIDDEN_ADDRESSES } from './forbidden-addresses.ts'

for (const [kind, addresses] of Object.entries(FORBIDDEN_ADDRESSES)) {
  test(`not public: ${kind} (PrefectHQ/fastmcp#4400, #4426)`, async (t) => {
    for (const address of addresses) t.equal(isPublicAddress(address), false, address)
  })
}

test('the rest of IPv4 and of IPv6 global unicast is public (RFC 4291 §2.4)', async (t) => {
  const edges = [
    ...['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
    ...['128.0.0.0', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '191.255.255.255'],
    ...['192.0.1.0', '192.0.3.0', '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0'],
    ...['223.255.255.255', '168.63.129.15', '168.63.129.17', '8.8.8.8', '104.18.0.1'],
    ...['2001:200::', '2001:4860:4860::8888', '2003::', '2606:4700::6812:1', '2a00:1450:4001:81b::200e'],
    ...['2600::', '2606:4700:0:0:1:5efe:7f00:1', '3ffe:ffff::1'],
  ]
  for (const address of edges) t.equal(isPublicAddress(address), true, address)
})
