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

test('the Redis store keeps the contract, and each of its keys expires', async (t) => {
  const { redis, store, prefix } = await openStore(t)
  await testStoreContract(t, store)
  const names = await redis.keys(`${prefix}:*`)
  const ttls = await Promise.all(names.map((name) => redis.pttl(name)))
  t.ok(names.length > 50)
  t.same(
    names.filter((_, position) => ttls[position] === -1),
    [],
  )
})

test('the Redis store keeps the contract on a cluster: each script stays in one slot', async (t) => {
  const { url, primaries } = await startCluster(t, { primaries: 3 })
  const log = { info() {}, warn() {}, error() {} }
  const { client, close } = await connectRedis(createRedisSettings(url), log)
  t.teardown(close)
  await testStoreContract(t, createRedisStore(client, { prefix: 'test' }))
  for (const node of primaries) t.ok((await node.client.dbsize()) > 10, 'spread over all primaries')
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

test('a server that has lost its scripts is sent them again', async (t) => {
  const { redis, store } = await openStore(t)
  const { grant, refresh } = await makeActiveGrant(store)
  await redis.script('FLUSH')
  t.match(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'rotated' })
})

test('a revoked grant leaves no secret in Redis', async (t) => {
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
      fields.filter((field) => /^(tokens|hash|prev|next)$/.test(field)),
      [],
    )
  }
})

test('a crash during an activation leaves the store consistent', async (t) => {
  const { redis, store, prefix } = await openStore(t)
  const grant = makeGrant()
  const index = createKeys(prefix).subject(grant.subject)
  await store.createGrant(grant, 200)
  // The state after a crash between the two scripts.
  await redis.zadd(index, grant.expiresAt, grant.id)
  t.same(await store.listGrants(grant.subject), [], 'it is not redeemed')
  t.equal(await redis.zcard(index), 1)
  await sleep(250)
  t.same(await store.listGrants(grant.subject), [])
  t.equal(await redis.zcard(index), 0, 'an expired grant is removed from the index')
})

test('the index of a subject expires with its last grant', async (t) => {
  const { redis, store, prefix } = await openStore(t)
  const subject = createToken()
  const ends = [Date.now() + 3 * MINUTE, Date.now() + 5 * MINUTE, Date.now() + 4 * MINUTE]
  for (const expiresAt of ends) await makeActiveGrant(store, { subject, expiresAt })
  t.equal(await redis.pexpiretime(createKeys(prefix).subject(subject)), Math.max(...ends))
})

test('deployments under different public URLs are separate', async (t) => {
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

test('a scan finds the grants of its own deployment only, also at an IPv6 address', async (t) => {
  const redis = new Redis((await startRedis(t)).url)
  t.teardown(() => redis.disconnect())
  const [one, other] = ['http://[::1]:3000', 'http://[::2]:3000'].map((url) =>
    createRedisStore(redis, { prefix: createKeyPrefix(url) }),
  )
  const grant = makeGrant()
  await one?.createGrant(grant, MINUTE)
  await redis.set('foreign', 'x')
  t.match(await one?.scanGrants(), { grants: [{ id: grant.id }], next: undefined })
  t.match(await other?.scanGrants(), { grants: [], next: undefined })
})

async function openStore(t: Test) {
  const redis = new Redis(await findRedis(t))
  t.teardown(() => redis.disconnect())
  const prefix = `test-${createToken()}`
  return { redis, prefix, store: createRedisStore(redis, { prefix }) }
}
