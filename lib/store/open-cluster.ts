import { Cluster, type Redis } from 'ioredis'
import { formatHost, type RedisAddress } from './redis-address.ts'
import { createOutage, type Outage, type RedisLog } from './redis-log.ts'
import { createRedisOptions, delayAttempt, type RedisSettings } from './redis-options.ts'

/** How long a node may take to say which slots are where, in ms, before the next one is asked. */
const SLOTS_PATIENCE = 1_000

/** The attempt from which on the time between attempts no longer grows. */
const LATER = 4

/**
 * A client of a cluster, not connected yet. A command that a node refuses with MOVED, ASK or TRYAGAIN did not run
 * and goes where it belongs; nothing else is sent twice. What belongs to a node that is away fails at once, and
 * the rest goes on.
 */
export function createClusterClient(
  settings: RedisSettings,
  address: RedisAddress,
  outage: Outage,
  log: RedisLog,
): Cluster {
  const cluster = new Cluster([...address.hosts], {
    redisOptions: createRedisOptions(settings),
    lazyConnect: true,
    enableOfflineQueue: false,
    // CLUSTERDOWN is an answer like any other; waiting for better times is for the caller.
    enableReadyCheck: false,
    retryDelayOnClusterDown: 0,
    // What was under way when a connection was lost may have run.
    retryDelayOnFailover: 0,
    maxRedirections: 5,
    slotsRefreshTimeout: SLOTS_PATIENCE,
    clusterRetryStrategy: delayAttempt,
    // Names stay names: certificates are for them, and one of many addresses may be that of a lost node.
    dnsLookup: (name, done) => done(null, name),
  })
  const outages = followNodes(cluster, log)
  cluster.on('error', () => {
    const cause = [...outages.values()].map((node) => node.cause).find((known) => known !== undefined)
    outage.begin(new Error(cause ?? 'no node says which slots are where'))
  })
  cluster.on('ready', outage.end)
  keepConnected(cluster)
  return cluster
}

/** Resolves when the cluster is known and each of its primaries has been tried. Throws when no node answers. */
export async function connectCluster(cluster: Cluster): Promise<void> {
  await cluster.connect()
  await connectPrimaries(cluster)
}

/** The primaries that slots belong to, connected or not: all there is of the data. */
export function listPrimaries(cluster: Cluster): { name: string; client: Redis | undefined }[] {
  const names = new Set(cluster.slots.flatMap(([primary]) => (primary === undefined ? [] : [primary])))
  const clients = new Map(cluster.nodes('master').map((client) => [nameNode(client), client]))
  return [...names].sort().map((name) => ({ name, client: clients.get(name) }))
}

function nameNode({ options }: Redis): string {
  return `${options.host}:${options.port}`
}

/** One line for each cause of a node's outage, and one for its end. */
function followNodes(cluster: Cluster, log: RedisLog): Map<string, Outage> {
  const outages = new Map<string, Outage>()
  const find = (name: string) => {
    const [host = '', port = ''] = name.split(/:(?=\d+$)/)
    const known =
      outages.get(name) ?? createOutage(`Redis at ${formatHost({ host, port: Number(port) })}`, log)
    outages.set(name, known)
    return known
  }
  cluster.on('node error', (error: Error, name: string) => {
    // The connection that asks for the slots says no more than that it was closed; the node's own says why.
    if (error.message !== 'Connection is closed.') find(name).begin(error)
  })
  cluster.on('+node', (node: Redis) => node.on('ready', () => find(nameNode(node)).end()))
  return outages
}

/**
 * The client connects to a node with the first command for it, and would refuse all that come at the same time;
 * and it learns of a lost node's return, or of its successor, only by commands that fail.
 */
function keepConnected(cluster: Cluster): void {
  cluster.on('ready', () => connectPrimaries(cluster))
  // Later, for the first command to such a node has to find it unconnected.
  cluster.on('+node', () => setImmediate(() => connectPrimaries(cluster)))
  let isDue = false
  cluster.on('-node', () => {
    if (isDue) return
    isDue = true
    const look = () => {
      isDue = false
      lookAgain(cluster)
    }
    setTimeout(look, delayAttempt(LATER)).unref()
  })
}

/** Asks anew which slots are where, which also connects to primaries that have come back. */
function lookAgain(cluster: Cluster): void {
  if (cluster.status !== 'ready') return
  cluster.refreshSlotsCache((error) => {
    // None of the nodes that were known is left; those of the setting may lead to others.
    if (error && cluster.status === 'ready') cluster.disconnect(true)
  })
}

async function connectPrimaries(cluster: Cluster): Promise<void> {
  if (cluster.status !== 'ready') return
  const waiting = cluster.nodes('master').filter(({ status }) => status === 'wait')
  await Promise.allSettled(waiting.map((node) => node.connect()))
}
