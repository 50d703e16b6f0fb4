import { Cluster } from 'ioredis'
import { test } from 'tap'
import { scanKeys } from '../../../../lib/store/redis/store.ts'
import { startCluster } from '../../../support/redis-shapes.ts'

test('a scan of a cluster finds the keys of every primary', async (t) => {
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
  const { found, pages } = await collect(cluster, 'test:*')
  t.same(found, new Set(names))
  t.ok(pages > 2, 'page by page')
})

test('a scan of a cluster without a known primary fails', async (t) => {
  const cluster = new Cluster(['redis://127.0.0.1:1'], { lazyConnect: true })
  await t.rejects(scanKeys(cluster, 'test:*'), /unknown or unavailable/)
})

async function collect(cluster: Cluster, glob: string) {
  const found = new Set<string>()
  let pages = 0
  let cursor: string | undefined
  do {
    const { names, next } = await scanKeys(cluster, glob, cursor)
    for (const name of names) found.add(name)
    pages += 1
    cursor = next
  } while (cursor !== undefined)
  return { found, pages }
}
