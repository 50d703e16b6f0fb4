import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { createKeys } from '../../lib/store/keys.ts'
import { connectRedis } from '../../lib/store/redis/connect.ts'
import { createRedisStore } from '../../lib/store/redis/store.ts'
import { type Store, StoreUnavailableError } from '../../lib/store/store.ts'
import { makeActiveGrant, makeRotation } from '../lib/store/store-samples.ts'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { createRedisSettings } from '../support/redis.ts'
import { type RedisCluster, type RedisNode, startCluster, untilCopied } from '../support/redis-shapes.ts'
import { startService } from '../support/service.ts'
import { until } from '../support/wait-until.ts'

const MINUTE = 60_000
/** The longest time to a 503. */
const RESPONSE_TIMEOUT_MS = 2_500
/** The longest time from a whole cluster to a working store. */
const RECOVERY_TIMEOUT_MS = 3_000
const PREFIX = 'test'

test('a lost primary makes only its own slots unavailable, and recovers without a restart', async (t) => {
  const cluster = await startCluster(t, { primaries: 3 }, '--appendonly', 'yes', '--appendfsync', 'always')
  const { store, lines } = await connect(t, cluster.url)
  const grants = await makeGrantEverywhere(cluster, store)
  const [lost] = cluster.primaries
  if (lost === undefined) return
  const refused = `Redis at 127.0.0.1:${lost.port} is not available: connect ECONNREFUSED`

  for (const fail of ['kill', 'freeze'] as const) {
    await lost[fail]()
    const outcomes = await Promise.all(
      grants.map(async ({ node, id }) => ({
        isLost: node === lost,
        ...(await time(() => store.readGrant(id))),
      })),
    )
    for (const { isLost, error, value, ms } of outcomes) {
      t.equal(error instanceof StoreUnavailableError, isLost, `${fail}: away or not, by its slot`)
      if (!isLost) t.match(value, { status: 'active' })
      t.ok(ms < RESPONSE_TIMEOUT_MS, 'within 2.5 s')
    }
    await t.resolves(store.ping(), 'the rest is in service')
    await t.rejects(collect(store), StoreUnavailableError, 'an incomplete list is an error')

    if (fail === 'kill') {
      await until('it is in the log', async () => count(lines, refused) > 0, RECOVERY_TIMEOUT_MS)
      await lost.restart()
    } else {
      await lost.thaw()
    }
    await until('the cluster is whole', () => isWhole(cluster))
    const since = Date.now()
    for (const { id } of grants)
      await until('it is back', async () => Boolean(await store.readGrant(id)), RECOVERY_TIMEOUT_MS)
    t.ok(Date.now() - since < RECOVERY_TIMEOUT_MS)
  }
  t.equal(count(lines, refused), 1, 'an outage is one line')
  t.ok(count(lines, `Connected to Redis at 127.0.0.1:${lost.port}.`) >= 2, 'and so is its end')
})

test('the store finds a promoted replica, and no replicated grant is lost', async (t) => {
  const cluster = await startCluster(t, { primaries: 3, replicas: 3 })
  const service = await startService(t, { settings: { STORE: 'redis', REDIS_URL: cluster.url } })
  const client = await registerClient(service.url)
  const tokens = [await client.signIn(), await client.signIn(), await client.signIn()]
  for (const [index, primary] of cluster.primaries.entries())
    await untilCopied(primary, cluster.replicas[index])
  const [lost] = cluster.primaries
  const seen = new Set<number>()
  await lost?.kill()
  const call = async ({ access_token: token }: { access_token: string }) => {
    const { status } = await postMcp(`${service.url}/mcp`, token, 'tools/list')
    seen.add(status)
    return status === 200
  }
  const [replica] = cluster.replicas
  await until('the replica takes over', async () => {
    for (const token of tokens) await call(token)
    return (await replica?.client.info('replication'))?.includes('role:master') ?? false
  })
  for (const token of tokens) await until('every grant is there', () => call(token), RECOVERY_TIMEOUT_MS)
  t.same(
    [...seen].filter((status) => status !== 200 && status !== 503),
    [],
    'never 401',
  )
  for (const { refresh_token: token } of tokens) t.equal((await client.refresh(token)).status, 200)
})

test('a slot that is migrating or has migrated changes nothing (ASK, MOVED)', async (t) => {
  const cluster = await startCluster(t, { primaries: 3 })
  const { store, client } = await connect(t, cluster.url)
  const { grant, refresh } = await makeActiveGrant(store)
  const key = createKeys(PREFIX).grant(grant.id)
  const [source, target] = await findEnds(cluster, key)
  const [slot, from, to] = [
    await source.client.cluster('KEYSLOT', key),
    String(await source.client.cluster('MYID')),
    String(await target.client.cluster('MYID')),
  ]
  await target.client.cluster('SETSLOT', slot, 'IMPORTING', from)
  await source.client.cluster('SETSLOT', slot, 'MIGRATING', to)
  t.match(await store.readGrant(grant.id), { status: 'active' }, 'while its key is still here')
  await source.client.migrate('127.0.0.1', target.port, key, 0, 1_000)
  t.match(await store.readGrant(grant.id), { status: 'active' }, 'ASK: it is there already, its slot is not')
  const rotation = makeRotation(refresh)
  t.match(
    await store.rotateRefreshToken(grant.id, rotation),
    { outcome: 'rotated' },
    'a script too, and once',
  )
  for (const node of [target, source]) await node.client.cluster('SETSLOT', slot, 'NODE', to)
  t.match(
    await store.rotateRefreshToken(grant.id, makeRotation(rotation.nextHash)),
    { outcome: 'rotated' },
    'MOVED',
  )
  await until(
    'the slots are read again',
    async () => client.slots[Number(slot)]?.[0]?.endsWith(`:${target.port}`) ?? false,
  )
})

test('with cluster-require-full-coverage one lost primary makes the store unavailable', async (t) => {
  const cluster = await startCluster(t, { primaries: 3 })
  const { store } = await connect(t, cluster.url)
  for (const { client } of cluster.primaries)
    await client.config('SET', 'cluster-require-full-coverage', 'yes')
  await cluster.primaries[0]?.kill()
  await until(
    'the cluster is down',
    async () => (await time(() => store.ping())).error instanceof StoreUnavailableError,
  )
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const { error, ms } = await time(() => store.readGrant(id))
    t.ok(error instanceof StoreUnavailableError)
    t.ok(ms < RESPONSE_TIMEOUT_MS)
  }
  await cluster.primaries[0]?.restart()
  await until('the cluster is whole', () => isWhole(cluster))
  await until(
    'the store is back',
    async () => (await time(() => store.ping())).error === undefined,
    RECOVERY_TIMEOUT_MS,
  )
})

test('without any node the store is unavailable in time, runs nothing twice, and recovers', async (t) => {
  const cluster = await startCluster(t, { primaries: 3 })
  const { store, lines, client } = await connect(t, cluster.url)
  await store.ping()
  for (const { client } of cluster.primaries) await client.config('RESETSTAT')
  for (const node of cluster.primaries) await node.freeze()
  const work = Array.from({ length: 12 }, (_, index) =>
    time(() => store.saveTransaction(`id-${index}`, { browserHash: 'b', sealed: 's' }, MINUTE)),
  )
  for (const { error, ms } of await Promise.all(work)) {
    t.ok(error instanceof StoreUnavailableError)
    t.ok(ms < RESPONSE_TIMEOUT_MS)
  }
  for (const node of cluster.primaries) await node.thaw()
  await until('the cluster is whole', () => isWhole(cluster))
  await until(
    'the store is back',
    async () => (await time(() => store.ping())).error === undefined,
    RECOVERY_TIMEOUT_MS,
  )
  const runs = await Promise.all(cluster.primaries.map(({ client }) => countScripts(client)))
  t.ok(runs.reduce((one, other) => one + other) <= 12, 'commands without a reply ran once or never')

  for (const node of cluster.primaries) await node.kill()
  t.ok((await time(() => store.readGrant('any'))).error instanceof StoreUnavailableError)
  await Promise.all(cluster.primaries.map((node) => node.restart()))
  await until('there is a connection again', async () => client.status === 'ready', 5_000)
  t.ok(lines.length < 40, `an outage is a few lines: ${lines.length}`)
})

test('a command on a lost connection is unavailable, and is not sent again', async (t) => {
  const cluster = await startCluster(t, { primaries: 3 })
  const { store, client } = await connect(t, cluster.url)
  const grants = await makeGrantEverywhere(cluster, store)
  for (const { id, node } of grants) {
    await store.touchGrant(id)
    await node.client.config('RESETSTAT')
    await node.freeze()
    const touched = time(() => store.touchGrant(id))
    const connection = client.nodes('master').find(({ options }) => options.port === node.port)
    // The server has the command and will run it.
    setImmediate(() => connection?.stream.end())
    setTimeout(() => connection?.stream.destroy(), 100)
    const { error, ms } = await touched
    t.ok(error instanceof StoreUnavailableError)
    t.ok(ms < 1_000, 'at once')
    await node.thaw()
    await until('it has run', async () => (await countScripts(node.client)) > 0)
    await until('it is back', async () => Boolean(await store.readGrant(id)), RECOVERY_TIMEOUT_MS)
    await sleep(1_000)
    t.equal(await countScripts(node.client), 1, 'once')
  }
})

async function connect(t: Test, url: string) {
  const lines: string[] = []
  const write = (line: unknown) => {
    lines.push(String(line))
  }
  const log = { info: write, warn: write, error: write }
  const { client, close } = await connectRedis(createRedisSettings(url), log)
  t.teardown(close)
  return { lines, client: client as Cluster, store: createRedisStore(client, { prefix: PREFIX }) }
}

/** Grants on each of the primaries, and which of them has it. */
async function makeGrantEverywhere(cluster: RedisCluster, store: Store) {
  const grants: { id: string; node: RedisNode }[] = []
  while (new Set(grants.map(({ node }) => node)).size < cluster.primaries.length) {
    const { grant } = await makeActiveGrant(store)
    const [node] = await findEnds(cluster, createKeys(PREFIX).grant(grant.id))
    grants.push({ id: grant.id, node })
  }
  return grants
}

/** The primary that has a key, and another one. */
async function findEnds({ primaries }: RedisCluster, key: string): Promise<[RedisNode, RedisNode]> {
  const held = await Promise.all(
    primaries.map(({ client }) =>
      client.exists(key).then(
        (found) => found === 1,
        () => false,
      ),
    ),
  )
  const source = primaries[held.indexOf(true)]
  const target = primaries[held.indexOf(false)]
  if (source === undefined || target === undefined) throw new Error('The key is nowhere.')
  return [source, target]
}

async function isWhole({ primaries }: RedisCluster): Promise<boolean> {
  const infos = await Promise.all(
    primaries.map(async ({ port }) => {
      const probe = new Redis(port, { lazyConnect: true, commandTimeout: 500, retryStrategy: null })
      probe.on('error', () => undefined)
      try {
        return String(await probe.cluster('INFO'))
      } finally {
        probe.disconnect()
      }
    }),
  )
  return infos.every((info) => /cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info))
}

async function countScripts(client: Redis): Promise<number> {
  const stats = await client.info('commandstats')
  const calls = [
    ...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+).*?rejected_calls=\d+,failed_calls=(\d+)/gm),
  ]
  return calls.reduce((sum, [, ran, failed]) => sum + Number(ran) - Number(failed), 0)
}

async function collect(store: Store): Promise<void> {
  let cursor: string | undefined
  do cursor = (await store.scanGrants(cursor)).next
  while (cursor !== undefined)
}

async function time<Value>(ask: () => Promise<Value>) {
  const since = Date.now()
  const outcome = await ask().then(
    (value) => ({ value, error: undefined }),
    (error: unknown) => ({ value: undefined, error }),
  )
  return { ...outcome, ms: Date.now() - since }
}

function count(lines: string[], text: string): number {
  return lines.filter((line) => line.includes(text)).length
}
