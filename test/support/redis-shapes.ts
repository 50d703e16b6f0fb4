import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { findFreePort } from './free-port.ts'
import { type RedisServer, startRedis, startSentinel } from './redis.ts'
import { until } from './wait-until.ts'

/** A server of a cluster or behind sentinels, and the test's own connection to it. */
export interface RedisNode extends RedisServer {
  port: number
  client: Redis
}

export interface RedisCluster {
  url: string
  primaries: RedisNode[]
  /** One for each primary, in their order, where there are any. */
  replicas: RedisNode[]
}

const SLOTS = 16_384

/**
 * A cluster that goes on serving the slots that are available. A primary that does not reply for a second counts as
 * lost.
 */
export async function startCluster(
  t: Test,
  { primaries, replicas = 0 }: { primaries: number; replicas?: number },
  ...args: string[]
): Promise<RedisCluster> {
  const options = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']
  const tolerant = ['--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no']
  const nodes = await Promise.all(
    Array.from({ length: primaries + replicas }, async () => {
      const bus = await findFreePort()
      const node = await startRedis(t, ...options, ...tolerant, '--cluster-port', `${bus}`, ...args)
      return { ...connectNode(t, node), bus }
    }),
  )
  const first = nodes.slice(0, primaries)
  for (const [index, node] of first.entries()) {
    const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / primaries))
    await node.client.cluster('ADDSLOTSRANGE', from ?? 0, (to ?? SLOTS) - 1)
    await node.client.cluster('SET-CONFIG-EPOCH', index + 1)
  }
  for (const { port, bus } of nodes.slice(1))
    await first[0]?.client.call('CLUSTER', 'MEET', '127.0.0.1', port, bus)
  const known = `cluster_known_nodes:${nodes.length}\r`
  await until('the nodes know each other', () =>
    every(nodes, async ({ client }) => (await client.cluster('INFO')).includes(known)),
  )
  for (const [index, node] of nodes.slice(primaries).entries()) {
    const id = String(await first[index]?.client.cluster('MYID'))
    await node.client.cluster('REPLICATE', id)
  }
  const whole = 'cluster_state:ok'
  await until('the cluster is whole', () =>
    every(nodes, async ({ client }) => (await client.cluster('INFO')).includes(whole)),
  )
  const rest = nodes.slice(primaries)
  await until('the replicas have their copies', () => every(rest, ({ client }) => isInSync(client)))
  const url = `redis+cluster://${first.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  return { url, primaries: first, replicas: rest }
}

export interface WatchedRedis {
  url: string
  sentinels: RedisNode[]
  nodes: RedisNode[]
  /** The primary by the word of the sentinels, and the other server. */
  findRoles(): Promise<{ primary: RedisNode; replica: RedisNode }>
}

const PRIMARY_NAME = 'sign-ins'

/** A primary and a replica watched by sentinels, three by default; they fail over after a second without reply. */
export async function startWatchedRedis(
  t: Test,
  { sentinels = 3, sentinelLines = [], args = [] }: WatchedOptions = {},
): Promise<WatchedRedis> {
  const nodes = [
    connectNode(t, await startRedis(t, ...args)),
    connectNode(t, await startRedis(t, ...args)),
  ] as const
  await nodes[1].client.replicaof('127.0.0.1', nodes[0].port)
  await until('the replica has its copy', () => isInSync(nodes[1].client))
  const quorum = Math.floor(sentinels / 2) + 1
  const lines = [
    `sentinel monitor ${PRIMARY_NAME} 127.0.0.1 ${nodes[0].port} ${quorum}`,
    `sentinel down-after-milliseconds ${PRIMARY_NAME} 1000`,
    `sentinel failover-timeout ${PRIMARY_NAME} 5000`,
    ...sentinelLines,
  ]
  const watchers = await Promise.all(
    Array.from({ length: sentinels }, async () => connectNode(t, await startSentinel(t, ...lines))),
  )

  const ask = async (...command: string[]) => {
    const reply: unknown = await watchers[0]?.client.call('SENTINEL', ...command)
    return reply as string[]
  }
  await until('the sentinels know each other and the replica', async () => {
    const fields = await ask('MASTER', PRIMARY_NAME)
    const read = (name: string) => Number(fields[fields.indexOf(name) + 1])
    return read('num-other-sentinels') === sentinels - 1 && read('num-slaves') === 1
  })
  return {
    url: `redis+sentinel://${watchers.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${PRIMARY_NAME}`,
    sentinels: watchers,
    nodes: [...nodes],
    async findRoles() {
      const [, port] = await ask('GET-MASTER-ADDR-BY-NAME', PRIMARY_NAME)
      const [one, other] = nodes
      return Number(port) === one.port ? { primary: one, replica: other } : { primary: other, replica: one }
    },
  }
}

interface WatchedOptions {
  sentinels?: number
  sentinelLines?: string[]
  args?: string[]
}

/** Whether a replica is connected to its primary and has finished copying. */
async function isInSync(replica: Redis): Promise<boolean> {
  const info = await replica.info('replication')
  return info.includes('role:slave') && info.includes('master_link_status:up')
}

/** Waits until a replica has what its primary has now: a failover loses the rest. */
export async function untilCopied(primary: RedisNode, replica: RedisNode | undefined): Promise<void> {
  const read = async ({ client }: RedisNode, field: string) =>
    Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(await client.info('replication'))?.[1])
  const offset = await read(primary, 'master_repl_offset')
  if (replica === undefined) throw new Error('There is no replica.')
  await until('the replica has it all', async () => (await read(replica, 'slave_repl_offset')) >= offset)
}

async function every<Item>(items: Item[], holds: (item: Item) => Promise<boolean>): Promise<boolean> {
  return (await Promise.all(items.map(holds))).every(Boolean)
}

/** The test's own connection to a server; it reconnects when the server is back. */
export function connectNode(t: Test, server: RedisServer): RedisNode {
  const client = new Redis(server.url, { retryStrategy: () => 100, maxRetriesPerRequest: null })
  client.on('error', () => undefined)
  t.teardown(() => client.disconnect())
  return { ...server, port: Number(new URL(server.url).port), client }
}
