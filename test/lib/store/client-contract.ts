import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { createToken, hashToken } from '../../../lib/crypto/hash.ts'
import type { ClientRecord, Store } from '../../../lib/store/store.ts'
import { AFTERWARDS, BRIEF, DAY, MINUTE } from './store-samples.ts'

export async function testClients(t: Test, store: Store): Promise<void> {
  const client: ClientRecord = {
    name: 'Client “one” \u{1f9ea}\n',
    redirectUris: ['https://app.example.com/callback', 'cursor://anysphere.cursor-mcp/oauth/callback'],
    tokenEndpointAuthMethod: 'client_secret_basic',
    seal: 'v1.key.seal',
  }
  const save = async (ttl: number, record = client) => {
    const id = createToken()
    await store.saveClient(id, record, ttl)
    return id
  }

  await t.test('a client is read as it was registered (RFC 7591 §3.2.1)', async (t) => {
    t.same(await store.readClient(await save(MINUTE), MINUTE), client)
    const open = {
      name: 'x',
      redirectUris: ['http://localhost/cb'],
      tokenEndpointAuthMethod: 'none',
      seal: 's',
    }
    t.same(await store.readClient(await save(MINUTE, open), MINUTE), open)
    t.equal(await store.readClient('unknown', MINUTE), undefined)
  })

  await t.test('an unused client expires', async (t) => {
    const id = await save(BRIEF)
    await sleep(AFTERWARDS)
    t.equal(await store.readClient(id, 90 * DAY), undefined)
  })

  await t.test('use extends the life of a client, at most once a day', async (t) => {
    const [used, usedToday] = [await save(BRIEF), await save(BRIEF)]
    await store.readClient(used, DAY + BRIEF)
    await store.readClient(usedToday, DAY)
    await sleep(AFTERWARDS)
    t.same(await store.readClient(used, DAY), client)
    t.equal(
      await store.readClient(usedToday, DAY),
      undefined,
      'the extension would have been less than a day',
    )
  })

  await t.test('an assertion is spent once, until it expires (RFC 7523 §3, jti)', async (t) => {
    const [one, other] = [hashToken(createToken()), hashToken(createToken())]
    t.equal(await store.spendAssertion(one, BRIEF), true)
    t.equal(await store.spendAssertion(one, BRIEF), false)
    t.equal(await store.spendAssertion(other, BRIEF), true, 'another one is independent')
    await sleep(AFTERWARDS)
    t.equal(await store.spendAssertion(one, BRIEF), true)
  })

  await t.test('of 50 concurrent uses of one assertion, one succeeds', async (t) => {
    const hash = hashToken(createToken())
    const results = await Promise.all(Array.from({ length: 50 }, () => store.spendAssertion(hash, MINUTE)))
    t.equal(results.filter((isFirst) => isFirst).length, 1)
  })
}
