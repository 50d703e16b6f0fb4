import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { createToken } from '../../../../lib/crypto/hash.ts'
import { createKeyPrefix, createKeys } from '../../../../lib/store/keys.ts'
import { connectRedis } from '../../../../lib/store/redis/connect.ts'
import { createRedisStore } from '../../../../lib/store/redis/store.ts'
import { createRedisSettings, findRedis, startRedis } from '../../../support/redis.ts'
import { startCluster } from '../../../support/redis-shapes.ts'
import { testStoreContract } from '../store-contract.ts'
import { makeActiveGrant, makeGrant, makeRotation } from '../store-samples.ts'

const MINUTE = 60_000

test('the Redis store keeps the contract, and every key of it ends by itself', async (t) => {
  const { redis, store, prefix } = await openStore(t)
  await testStoreContract(t, store)
  const names = await redis.keys(`${prefix}:*`)
  const ends = await Promise.all(names.map((name) => redis.pttl(name)))
  t.ok(names.length > 50)
  t.same(
    names.filter((_, position) => ends[position] === -1),
    [],
  )
})

test('the Redis store keeps the contract on a cluster: each script stays in one slot', async (t) => {
  const { url, primaries } = await startCluster(t, { primaries: 3 })
  const log = { info() {}, warn() {}, error() {} }
  const { client, close } = await connectRedis(createRedisSettings(url), log)
  t.teardown(close)
  await testStoreContract(t, createRedisStore(client, { prefix: 'test' }))
  for (const node of primaries) t.ok((await node.client.dbsize()) > 10, 'over all of its primaries')
})

test('a tool call reads its grant with one command', async (t) => {
  const server = await startRedis(t)
  const redis = new Redis(server.url)
  t.teardown(() => redis.disconnect())
  const store = createRedisStore(redis, { prefix: 'test' })
  const { grant } = await makeActiveGrant(store)
  await redis.config('RESETSTAT')
  await store.readGrant(grant.id)
  const used = [...(await redis.info('commandstats')).matchAll(/^cmdstat_(\S+):calls=(\d+)/gm)]
  t.same(
    used.map(([, command, calls]) => `${command} ${calls}`).filter((line) => !line.startsWith('config')),
    ['hmget 1'],
  )
})

test('a server that has forgotten its scripts is given them again', async (t) => {
  const { redis, store } = await openStore(t)
  const { grant, refresh } = await makeActiveGrant(store)
  await redis.script('FLUSH')
  t.match(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'rotated' })
})

test('a revoked grant has no secret left in Redis', async (t) => {
  const { redis, store, prefix } = await openStore(t)
  const [revoked, reused] = [await makeActiveGrant(store), await makeActiveGrant(store)]
  const rotation = makeRotation(reused.refresh)
  await store.rotateRefreshToken(revoked.grant.id, makeRotation(revoked.refresh))
  await store.revokeGrant(revoked.grant.id, 'client_request')
  await store.rotateRefreshToken(reused.grant.id, rotation)
  await store.rotateRefreshToken(reused.grant.id, makeRotation(rotation.nextHash))
  t.match(await store.rotateRefreshToken(reused.grant.id, rotation), { outcome: 'reused' })
  for (const { grant } of [revoked, reused]) {
    const fields = await redis.hkeys(createKeys(prefix).grant(grant.id))
    t.strictSame(
      fields.filter((field) => /^(upstream|refresh.*|capsule)$/.test(field)),
      [],
    )
  }
})

test('a crash in the middle of an activation leaves nothing wrong', async (t) => {
  const { redis, store, prefix } = await openStore(t)
  const grant = makeGrant()
  const index = createKeys(prefix).subject(grant.subject)
  await store.createGrant(grant, 200)
  // What a process has done when it dies between the two scripts.
  await redis.zadd(index, grant.expiresAt, grant.id)
  t.same(await store.listGrants(grant.subject), [], 'nobody has redeemed it')
  t.equal(await redis.zcard(index), 1)
  await sleep(250)
  t.same(await store.listGrants(grant.subject), [])
  t.equal(await redis.zcard(index), 0, 'the list forgets a grant that has ended')
})

test('the list of a subject ends with its last grant', async (t) => {
  const { redis, store, prefix } = await openStore(t)
  const subject = createToken()
  const ends = [Date.now() + 3 * MINUTE, Date.now() + 5 * MINUTE, Date.now() + 4 * MINUTE]
  for (const expiresAt of ends) await makeActiveGrant(store, { subject, expiresAt })
  t.equal(await redis.pexpiretime(createKeys(prefix).subject(subject)), Math.max(...ends))
})

test('deployments under different public URLs do not meet', async (t) => {
  t.equal(createKeyPrefix('https://mcp.example.com'), 'sentry-mcp:mcp.example.com')
  t.equal(createKeyPrefix('https://example.com:8443/mcp-server/'), 'sentry-mcp:example.com:8443/mcp-server')
  const redis = new Redis(await findRedis(t))
  t.teardown(() => redis.disconnect())
  const [one, other] = ['one', 'other'].map((name) =>
    createRedisStore(redis, { prefix: createKeyPrefix(`https://${name}-${createToken()}.example.com`) }),
  )
  const grant = makeGrant()
  await one?.createGrant(grant, MINUTE)
  t.equal(await other?.readGrant(grant.id), undefined)
})

test('the grants of a deployment are found by its own address only, brackets and all (IPv6)', async (t) => {
  const redis = new Redis((await startRedis(t)).url)
  t.teardown(() => redis.disconnect())
  const [one, other] = ['http://[::1]:3000', 'http://[::2]:3000'].map((url) =>
    createRedisStore(redis, { prefix: createKeyPrefix(url) }),
  )
  const grant = makeGrant()
  await one?.createGrant(grant, MINUTE)
  await redis.set('of somebody else', 'x')
  t.match(await one?.scanGrants(), { grants: [{ id: grant.id }], next: undefined })
  t.match(await other?.scanGrants(), { grants: [], next: undefined })
})

async function openStore(t: Test) {
  const redis = new Redis(await findRedis(t))
  t.teardown(() => redis.disconnect())
  const prefix = `test-${createToken()}`
  return { redis, prefix, store: createRedisStore(redis, { prefix }) }
}
