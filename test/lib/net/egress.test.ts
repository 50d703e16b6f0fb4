import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type Test, test } from 'tap'
import { monitorEgress } from '../../../lib/net/egress.ts'
import { isPublicAddress, type Network } from '../../../lib/net/network.ts'
import { startDocumentHost } from '../../support/document-host.ts'

/** Starts a monitor and waits for its first check. */
async function check(t: Test, places: string[], network: Network) {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const monitor = monitorEgress(places, { network, onChange: resolve })
  t.teardown(() => monitor.close())
  t.equal(monitor.isOpen(), false, 'closed until the first check')
  const reason = await promise
  return { isOpen: monitor.isOpen(), reason: reason instanceof Error ? reason.message : reason }
}

test('egress is open when TLS connections to every place succeed', async (t) => {
  const host = await startDocumentHost(t)
  const place = `client.example:${host.port}`
  t.same(await check(t, [place], host.network), { isOpen: true, reason: undefined })
  t.equal(host.requests.length, 0, 'it sends no request')
})

test('egress is closed when one place fails: no address, refused, no TLS, wrong name, private address', async (t) => {
  const host = await startDocumentHost(t)
  const place = `client.example:${host.port}`
  const mute = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => mute.close())
  const mutePlace = `client.example:${(mute.address() as AddressInfo).port}`
  const results = await Promise.all([
    check(t, [place], { ...host.network, resolve: async () => [] }),
    check(t, [place, 'client.example:1'], host.network),
    check(t, [place, mutePlace], host.network),
    check(t, [place, `other.example:${host.port}`], host.network),
    check(t, [place], { ...host.network, isAllowedAddress: isPublicAddress }),
    check(t, [place], { ...host.network, resolve: () => new Promise(() => undefined) }),
  ])
  t.same(new Set(results.map(({ isOpen }) => isOpen)), new Set([false]))
  const reasons = results.map(({ reason }) => String(reason))
  for (const [position, reason] of [
    /has no address/,
    /ECONNREFUSED/,
    /did not respond within 2000 ms/,
    /does not match/,
    /is not allowed/,
    /did not respond within 2000 ms/,
  ].entries()) {
    t.match(reasons[position], reason)
  }
})
