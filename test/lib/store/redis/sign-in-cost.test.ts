import { Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { createToken, hashToken } from '../../../../lib/crypto/hash.ts'
import { createRedisStore } from '../../../../lib/store/redis/store.ts'
import { findRedis } from '../../../support/redis.ts'
import { DAY, MINUTE, makeGrant } from '../store-samples.ts'

/** A store, and the number of commands that it has sent. */
async function openCounted(t: Test) {
  const redis = new Redis(await findRedis(t))
  t.teardown(() => redis.disconnect())
  const sent = { count: 0 }
  const { sendCommand } = redis
  redis.sendCommand = function (...args) {
    sent.count += 1
    return sendCommand.apply(this, args)
  }
  return { store: createRedisStore(redis, { prefix: `test-${createToken()}` }), sent }
}

test('a sign-in sends as many commands with 2 grants of its user as with 200 (CWE-770)', async (t) => {
  const { store, sent } = await openCounted(t)
  const subject = createToken()
  const signIn = async (number: number) => {
    const before = sent.count
    const grant = makeGrant({ subject, clientId: `client-${number % 150}` })
    await store.createGrant(grant, MINUTE)
    await store.activateGrant(grant, hashToken(grant.id), DAY, 20)
    return sent.count - before
  }
  const costs: number[] = []
  for (let number = 0; number < 205; number += 1) costs.push(await signIn(number))
  t.equal(costs[199], costs[2], '2 and 199 others')
  // The very first eviction also sends the script that revokes.
  const beyond = Math.max(...costs.slice(202))
  t.ok(beyond <= (costs[2] ?? 0) + 2, 'beyond the limit one grant is revoked and leaves the index')
  t.ok(beyond <= 6)
  t.equal((await store.listGrants(subject)).length, 200)
})
