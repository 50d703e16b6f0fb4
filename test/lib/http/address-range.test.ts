import { test } from 'tap'
import { isAddressOrRange, readAddressRange } from '../../../lib/http/address-range.ts'

test('an address is counted as itself, an IPv6 address as its /64', async (t) => {
  const cases = [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
  ]
  for (const [address = '', range] of cases) t.equal(readAddressRange(address), range, address)
})

test('an address or a CIDR range is one in full, with a prefix length that its family has', async (t) => {
  for (const text of ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '10.0.0.1/32', '::1', 'fd00::/8', '::/128'])
    t.equal(isAddressOrRange(text), true, text)
  for (const text of [
    ...['', '10', '10/8', '10.0.0/8', '0x7f.1', '127.1/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/a', '/8'],
    ...['10.0.0.0/8/8', '10.0.0.0/-1', '10.0.0.0/255.0.0.0', 'fd00::/129', 'localhost', ' 10.0.0.1'],
  ])
    t.equal(isAddressOrRange(text), false, text)
})
