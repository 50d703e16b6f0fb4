import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { hashToken } from '../../../../lib/crypto/hash.ts'
import { connectRedis } from '../../../../lib/store/redis/connect.ts'
import { type RedisSettings, usesTls } from '../../../../lib/store/redis/options.ts'
import { createRedisStore } from '../../../../lib/store/redis/store.ts'
import { type Store, StoreUnavailableError } from '../../../../lib/store/store.ts'
import { createRedisSettings, startRedis } from '../../../support/redis.ts'
import { startCluster } from '../../../support/redis-shapes.ts'
import { makeActiveGrant, makeGrant, makeRotation } from '../store-samples.ts'

const MINUTE = 60_000
/** Limit for the store to work again after its server does, of which a busy machine takes most. */
const RECOVERY_TIMEOUT_MS = 10_000

test('a killed Redis is unavailable immediately, and available within 3 s of its return', async (t) => {
  const server = await startRedis(t)
  const { store, lines } = await connect(t, server.url)
  await server.kill()
  await isUnavailable(t, () => store.readGrant('any'))
  await isUnavailable(t, () => store.saveTransaction('id', { browserHash: 'b', sealed: 's' }, MINUTE))
  await sleep(1_000)
  await isUnavailable(t, () => store.ping())
  await server.restart()
  await isBack(t, store)
  t.equal(count(lines, 'ECONNREFUSED'), 1, 'an outage is one log line')
  t.equal(count(lines, 'Connected to Redis'), 2, 'its end is one log line')
})

test('a frozen Redis is unavailable within 2.5 s, gets no command twice, and recovers within 3 s', async (t) => {
  const server = await startRedis(t)
  const { store } = await connect(t, server.url)
  const witness = new Redis(server.url)
  t.teardown(() => witness.disconnect())
  const code = { clientId: 'c', redirectUriHash: 'r', codeChallenge: 'h', grantId: 'g', resource: 's' }
  await store.saveCode('earlier', code, MINUTE)
  await witness.config('RESETSTAT')
  await server.freeze()
  await Promise.all([
    isUnavailable(t, () => store.readGrant('any')),
    isUnavailable(t, () => store.saveCode('code', code, MINUTE)),
    isUnavailable(t, () => store.activateGrant(makeGrant(), 'refresh', MINUTE, 20)),
    sleep(1_000).then(() => isUnavailable(t, () => store.ping())),
    sleep(2_600).then(() => isUnavailable(t, () => store.ping())),
  ])
  await server.thaw()
  await isBack(t, store)
  await sleep(500)
  const scripts = /cmdstat_evalsha:calls=(\d+)/.exec(await witness.info('commandstats'))?.[1] ?? '0'
  t.ok(Number(scripts) <= 2, 'each of the two scripts without a response ran once or never')
})

test('wrong credentials make the store unavailable, and the log has no password', async (t) => {
  const server = await startRedis(t, '--requirepass', 'right-password')
  const address = server.url.slice('redis://'.length)
  const wrong = await connect(t, `redis://:wrong-password@${address}`)
  await isUnavailable(t, () => wrong.store.ping())
  t.match(wrong.lines.join('\n'), new RegExp(`Redis at ${address} is not available: WRONGPASS`))
  t.notMatch(wrong.lines.join('\n'), /wrong-password/)
  const without = await connect(t, server.url)
  await isUnavailable(t, () => without.store.ping())
  t.match(without.lines.join('\n'), /NOAUTH/)
  const right = await connect(t, `redis://:right-password@${address}`)
  await t.resolves(right.store.ping())
  t.notMatch(right.lines.join('\n'), /right-password/)
})

test('a Redis that becomes a replica is unavailable for writing, and the client reconnects', async (t) => {
  const [primary, server] = [await startRedis(t), await startRedis(t)]
  const { redis, store } = await connect(t, server.url)
  const { grant } = await makeActiveGrant(store)
  const before = await redis.client('ID')
  const witness = new Redis(server.url)
  t.teardown(() => witness.disconnect())
  await witness.replicaof('127.0.0.1', new URL(primary.url).port)
  await isUnavailable(t, () => store.createGrant(makeGrant(), MINUTE), /^READONLY/)
  await witness.replicaof('NO', 'ONE')
  await isBack(t, store)
  t.not(await redis.client('ID'), before)
  await t.resolves(store.createGrant(grant, MINUTE))
})

test('a full Redis refuses new records atomically, and still reads, revokes and commits renewals', async (t) => {
  const server = await startRedis(t, '--maxmemory-policy', 'noeviction')
  const { redis, store } = await connect(t, server.url)
  const { grant, refresh } = await makeActiveGrant(store)
  const code = {
    clientId: 'client-1',
    redirectUriHash: 'r',
    codeChallenge: 'h',
    grantId: grant.id,
    resource: 's',
  }
  await store.saveCode('code', code, MINUTE)
  await redis.config('SET', 'maxmemory', '1')
  await isUnavailable(t, () => store.createGrant(makeGrant(), MINUTE), /^OOM/)
  await isUnavailable(t, () => store.saveTransaction('id', { browserHash: 'b', sealed: 's' }, MINUTE), /^OOM/)
  await isUnavailable(t, () => store.rotateRefreshToken(grant.id, makeRotation(refresh)), /^OOM/)
  await isUnavailable(t, () => store.redeemCode('code', code, MINUTE), /^OOM/)
  await isUnavailable(t, () => store.lockUpstream(grant.id, 'owner', MINUTE), /^OOM/)
  t.match(await store.readGrant(grant.id), { status: 'active' })
  t.equal(await store.commitUpstream(grant.id, 0, { sealed: 'renewed', expiresAt: 1 }), 'committed')
  t.match(await store.revokeGrant(grant.id, 'user_request'), { upstream: { sealed: 'renewed' } })
  t.match(await store.readGrant(grant.id), { status: 'revoked' })
  await redis.config('SET', 'maxmemory', '0')
  t.match(await store.redeemCode('code', code, MINUTE), { outcome: 'redeemed' }, 'nothing was spent')
})

test('a Redis that is loading its data is unavailable until it is done', async (t) => {
  // 10 ms for each of 200 keys, serving clients meanwhile.
  const slow = ['--key-load-delay', '10000', '--loading-process-events-interval-bytes', '1024']
  const server = await startRedis(t, '--rdbcompression', 'no', ...slow)
  const { redis, store } = await connect(t, server.url)
  const { grant } = await makeActiveGrant(store)
  await Promise.all(Array.from({ length: 200 }, (_, key) => redis.set(`filler-${key}`, 'x'.repeat(100))))
  await redis.save()
  await server.restart()
  await sleep(200)
  await isUnavailable(t, () => store.readGrant(grant.id))
  await isBack(t, store, RECOVERY_TIMEOUT_MS + 2_000)
  t.match(await store.readGrant(grant.id), { status: 'active' })
})

test('the start continues without Redis and logs which one is missing', async (t) => {
  const server = await startRedis(t)
  const secret = `redis://user:hidden-password@${server.url.slice('redis://'.length)}`
  await server.kill()
  const { store, lines } = await connect(t, secret)
  t.match(lines, [/^Redis at 127\.0\.0\.1:\d+ is not available: connect ECONNREFUSED/])
  t.notMatch(lines.join('\n'), /hidden-password/)
  await isUnavailable(t, () => store.ping())
})

test('the start does not wait for a frozen Redis, and uses it once it responds', async (t) => {
  const server = await startRedis(t)
  await server.freeze()
  const { store } = await connect(t, server.url)
  await isUnavailable(t, () => store.ping())
  await server.thaw()
  await isBack(t, store)
})

test('a Redis that may evict records is logged as a warning', async (t) => {
  const safe = await startRedis(t, '--maxmemory-policy', 'noeviction')
  const risky = await startRedis(t, '--maxmemory-policy', 'allkeys-lru')
  const shards = await startCluster(t, { primaries: 2 }, '--maxmemory-policy', 'volatile-ttl')
  const quiet = await connect(t, safe.url)
  const warned = await connect(t, risky.url)
  const cluster = await connect(t, shards.url)
  await sleep(100)
  t.equal(count(quiet.lines, 'maxmemory-policy'), 0)
  t.equal(count(warned.lines, 'maxmemory-policy allkeys-lru'), 1)
  for (const { port } of shards.primaries)
    t.equal(count(cluster.lines, `Redis at 127.0.0.1:${port} has maxmemory-policy volatile-ttl`), 1, 'each')
})

test('TLS follows REDIS_TLS, else the URL; an ElastiCache address counts as TLS', async (t) => {
  const cases: [string, boolean | undefined, boolean][] = [
    ['redis://redis.example.com', undefined, false],
    ['rediss://redis.example.com', undefined, true],
    ['redis://redis.example.com', true, true],
    ['rediss://redis.example.com', false, false],
    ['redis://mcp.abc123.euw1.cache.amazonaws.com:6379', undefined, true],
    ['redis://mcp.abc123.euw1.cache.amazonaws.com:6379', false, false],
  ]
  for (const [REDIS_URL, REDIS_TLS, expected] of cases) {
    t.equal(usesTls({ REDIS_URL, REDIS_TLS }), expected, `${REDIS_URL} with REDIS_TLS ${REDIS_TLS}`)
  }
  const [plain, lax] = [
    await connect(t, 'rediss://127.0.0.1:1', { REDIS_TLS: false }),
    await connect(t, 'rediss://127.0.0.1:1', { REDIS_TLS_REJECT_UNAUTHORIZED: false }),
  ]
  t.same([plain.redis.options.tls, lax.redis.options.tls], [undefined, { rejectUnauthorized: false }])
})

test('a client is closed whether or not its server responds', async (t) => {
  const server = await startRedis(t)
  const [up, down] = [await connect(t, server.url), await connect(t, server.url)]
  await up.close()
  await server.kill()
  await t.resolves(down.close())
  await server.restart()
  await sleep(1_000)
  t.equal(up.redis.status, 'end')
  t.not(down.redis.status, 'ready', 'it does not reconnect')
})

async function connect(t: Test, url: string, changes: Partial<RedisSettings> = {}) {
  const lines: string[] = []
  const write = (line: unknown) => {
    lines.push(String(line))
  }
  const { client, close } = await connectRedis(createRedisSettings(url, changes), {
    info: write,
    warn: write,
    error: write,
  })
  t.teardown(() => client.disconnect())
  const redis = client as Redis
  return { redis, lines, close, store: createRedisStore(redis, { prefix: hashToken(url) }) }
}

async function isUnavailable(t: Test, operate: () => Promise<unknown>, cause?: RegExp): Promise<void> {
  const error = await operate().then(
    () => undefined,
    (error) => error,
  )
  t.ok(error instanceof StoreUnavailableError, 'StoreUnavailableError')
  t.notOk('command' in error.cause, 'the cause does not carry the command')
  if (cause !== undefined) t.match(error.cause.message, cause)
}

async function isBack(t: Test, store: Store, timeoutMs = RECOVERY_TIMEOUT_MS): Promise<void> {
  const started = Date.now()
  const isUp = () =>
    store.ping().then(
      () => true,
      () => false,
    )
  while (!(await isUp()) && Date.now() - started < timeoutMs) await sleep(20)
  t.ok(Date.now() - started < timeoutMs, `back within ${timeoutMs} ms`)
}

function count(lines: string[], text: string): number {
  return lines.filter((line) => line.includes(text)).length
}
