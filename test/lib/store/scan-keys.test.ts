import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { scanKeys } from '../../../lib/store/scan-keys.ts'
import { startRedis } from '../../redis.ts'

test('the keys of a cluster are found on every one of its primaries', async (t) => {
  const cluster = await startCluster(t)
  const names = Array.from({ length: 2000 }, (_, index) => `test:{${index}}`)
  await Promise.all(names.map((name) => cluster.set(name, 'x')))
  await cluster.set('another:{1}', 'x')
  const { found, parts } = await collect(cluster, 'test:*')
  t.same(found, new Set(names))
  t.ok(parts > 2, 'part by part')
})

test('a cluster that knows no server has nothing to say, which is no empty answer', async (t) => {
  const cluster = new Cluster(['redis://127.0.0.1:1'], { lazyConnect: true })
  await t.rejects(scanKeys(cluster, 'test:*'), /not known/)
})

async function collect(cluster: Cluster, glob: string) {
  const found = new Set<string>()
  let parts = 0
  let cursor: string | undefined
  do {
    const { names, next } = await scanKeys(cluster, glob, cursor)
    for (const name of names) found.add(name)
    parts += 1
    cursor = next
  } while (cursor !== undefined)
  return { found, parts }
}

/** Two primaries, each with half of the slots. */
async function startCluster(t: Test): Promise<Cluster> {
  const options = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']
  const servers = [await startRedis(t, ...options), await startRedis(t, ...options)]
  const nodes = servers.map(({ url }) => new Redis(url))
  t.teardown(() => nodes.map((node) => node.disconnect()))
  await nodes[0]?.cluster('ADDSLOTSRANGE', 0, 8191)
  await nodes[1]?.cluster('ADDSLOTSRANGE', 8192, 16_383)
  await nodes[0]?.cluster('SET-CONFIG-EPOCH', 1)
  await nodes[1]?.cluster('SET-CONFIG-EPOCH', 2)
  await nodes[0]?.cluster('MEET', '127.0.0.1', new URL(servers[1]?.url ?? '').port)
  for (const node of nodes) {
    while (!(await node.cluster('INFO')).match(/cluster_state:ok[\s\S]*cluster_known_nodes:2/))
      await sleep(50)
  }
  const cluster = new Cluster(servers.map(({ url }) => url))
  t.teardown(() => cluster.disconnect())
  return cluster
}
