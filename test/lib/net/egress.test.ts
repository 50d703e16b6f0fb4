import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { watchEgress } from '../../../lib/net/egress.ts'
import type { Network } from '../../../lib/net/network.ts'
import { isPublicAddress } from '../../../lib/net/public-address.ts'
import { startDocumentHost } from '../../support/document-host.ts'

/** Watches, and waits for the first look. */
async function look(t: Test, places: string[], network: Network) {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const watch = watchEgress(places, { network, onChange: resolve })
  t.teardown(() => watch.close())
  t.equal(watch.isOpen(), false, 'nothing is known at first')
  const reason = await promise
  return { isOpen: watch.isOpen(), reason: reason instanceof Error ? reason.message : reason }
}

test('the way out is open when every place can be reached by TLS', async (t) => {
  const host = await startDocumentHost(t)
  const place = `client.example:${host.port}`
  t.same(await look(t, [place], host.network), { isOpen: true, reason: undefined })
  t.equal(host.requests.length, 0, 'nothing is asked for there')
})

test('it is closed when one of them cannot: no name, no answer, no TLS, another name, an inner address', async (t) => {
  const host = await startDocumentHost(t)
  const place = `client.example:${host.port}`
  const mute = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => mute.close())
  const mutePlace = `client.example:${(mute.address() as AddressInfo).port}`
  const began = Date.now()
  const looks = await Promise.all([
    look(t, [place], { ...host.network, resolve: async () => [] }),
    look(t, [place, 'client.example:1'], host.network),
    look(t, [place, mutePlace], host.network),
    look(t, [place, `other.example:${host.port}`], host.network),
    look(t, [place], { ...host.network, isAllowedAddress: isPublicAddress }),
    look(t, [place], { ...host.network, resolve: () => sleep(10_000, [], { ref: false }) }),
  ])
  t.ok(Date.now() - began < 4_000)
  t.same(new Set(looks.map(({ isOpen }) => isOpen)), new Set([false]))
  const reasons = looks.map(({ reason }) => String(reason))
  for (const [position, reason] of [
    /has no address/,
    /ECONNREFUSED/,
    /did not answer in 2000 ms/,
    /does not match/,
    /is not allowed/,
    /did not answer in 2000 ms/,
  ].entries()) {
    t.match(reasons[position], reason)
  }
})
