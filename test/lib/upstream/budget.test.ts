import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { createUpstreamBudget, type Limits } from '../../../lib/upstream/budget.ts'

const WIDE: Limits = { total: 1e9, perUser: 1e9, maxWaiting: 100, maxWaitingPerUser: 100, maxWaitMs: 5_000 }
const { signal } = new AbortController()

function create(requests: Partial<Limits>, memory: Partial<Limits> = {}) {
  return createUpstreamBudget({ requests: { ...WIDE, ...requests }, memory: { ...WIDE, ...memory } })
}

test('a user’s requests do not hold up another user’s (CWE-770)', async (t) => {
  const budget = create({ total: 3, perUser: 2 })
  const [mara, other] = [budget.open('mara', signal), budget.open('other', signal)]
  await mara.beginRequest()
  await mara.beginRequest()
  const third = mara.beginRequest().then(() => 'third')
  const end = await other.beginRequest()
  t.equal(await Promise.race([third, sleep(20, 'waits')]), 'waits')
  end()
  t.equal(await Promise.race([third, sleep(20, 'still waits')]), 'still waits', 'two are the most of a user')
})

test('waiting requests go on by turns of their users, and in order for each', async (t) => {
  const budget = create({ total: 1, perUser: 1 })
  const order: string[] = []
  const end = await budget.open('first', signal).beginRequest()
  const wait = async (user: string, name: string) => {
    const finish = await budget.open(user, signal).beginRequest()
    order.push(name)
    finish()
  }
  const all = [wait('a', 'a1'), wait('a', 'a2'), wait('a', 'a3'), wait('b', 'b1'), wait('b', 'b2')]
  end()
  await Promise.all(all)
  t.same(order, ['a1', 'b1', 'a2', 'b2', 'a3'])
})

test('past the bounds of waiting a call is told when to try again', async (t) => {
  const crowded = create({ total: 1, perUser: 1, maxWaiting: 1 })
  const first = await crowded.open('a', signal).beginRequest()
  const second = crowded.open('b', signal).beginRequest()
  await t.rejects(crowded.open('c', signal).beginRequest(), { message: /Try again in 5 seconds/ })
  first()
  ;(await second)()
  const slow = create({ total: 1, perUser: 1, maxWaitMs: 20 })
  const end = await slow.open('a', signal).beginRequest()
  await t.rejects(slow.open('b', signal).beginRequest(), { name: 'UpstreamBusyError' })
  end()
  await slow.open('c', signal).beginRequest()
})

test('a client that disconnects waits no longer and holds up nothing', async (t) => {
  const budget = create({ total: 1, perUser: 1 })
  const end = await budget.open('a', signal).beginRequest()
  const controller = new AbortController()
  const gone = budget.open('b', controller.signal).beginRequest()
  const next = budget.open('c', signal).beginRequest()
  controller.abort(new Error('gone'))
  await t.rejects(gone, { message: 'gone' })
  end()
  await next
})

test('large responses are read one after the other, and what holds memory waits for nothing', async (t) => {
  const budget = create({ total: 1, perUser: 1 }, { total: 100, perUser: 100 })
  const [mara, other] = [budget.open('mara', signal), budget.open('other', signal)]
  t.ok(await mara.reserve(1_000), 'more than everything, alone')
  const waiting = other.reserve(1).then(() => 'reserved')
  t.equal(await Promise.race([waiting, sleep(20, 'waits')]), 'waits')
  const end = await other.beginRequest()
  await mara.beginRequest()
  end()
  t.equal(await mara.reserve(1), false, 'but does not get ever more')
  mara.close()
  t.equal(await waiting, 'reserved')
})
