import { Cluster } from 'ioredis'
import { test } from 'tap'
import { scanKeys } from '../../../../lib/store/redis/scan-keys.ts'
import { startCluster } from '../../../support/redis-shapes.ts'

test('the keys of a cluster are found on every one of its primaries', async (t) => {
  const { url } = await startCluster(t, { primaries: 2 })
  const cluster = new Cluster(
    url
      .replace('redis+cluster://', '')
      .split(',')
      .map((host) => `redis://${host}`),
  )
  t.teardown(() => cluster.disconnect())
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
