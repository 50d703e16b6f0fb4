import { Cluster, Redis } from 'ioredis'
import { formatHost, type RedisAddress, type RedisHost } from '../../config/redis-address.ts'
import { createRedisOptions, delayAttempt, type RedisSettings } from './options.ts'
import { createOutage, describeRedisError, type Outage, type RedisLog } from './outage.ts'

/** How long a node may take to say which slots are where, in ms, before the next one is asked. */
const SLOTS_PATIENCE = 1_000

/** The attempt from which on the time between attempts no longer grows. */
const LATER = 4

/**
 * A client of a cluster, not connected yet, and what connects it: to each of the primaries, or until it is known
 * why no node answers. A command that a node refuses with MOVED, ASK or TRYAGAIN did not run and goes where it
 * belongs; nothing else is sent twice. What belongs to a node that is away fails at once, and the rest goes on.
 */
export function createClusterClient(
  settings: RedisSettings,
  address: RedisAddress,
  outage: Outage,
  log: RedisLog,
): { client: Cluster; connect(): Promise<void> } {
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
  followNodes(cluster, log)
  const explain = followCluster(cluster, settings, address, outage)
  keepConnected(cluster)
  return {
    client: cluster,
    async connect() {
      await cluster.connect().catch(explain)
      await connectPrimaries(cluster)
    },
  }
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

/**
 * Whether any node answers. The client does not say why none does, so the nodes of the setting are asked: what is
 * returned resolves when that is told.
 */
function followCluster(
  cluster: Cluster,
  settings: RedisSettings,
  { hosts }: RedisAddress,
  outage: Outage,
): () => Promise<void> {
  let asking: Promise<void> | undefined
  const ask = async () => {
    const causes = await Promise.all(hosts.map((host) => findCause(host, settings)))
    asking = undefined
    const known = new Set(causes.filter((cause) => cause !== undefined))
    if (cluster.status !== 'ready' && known.size > 0) outage.begin([...known].join('; '))
  }
  const explain = () => {
    asking ??= ask()
    return asking
  }
  cluster.on('ready', outage.end)
  cluster.on('error', explain)
  return explain
}

/** Why a node does not say which slots are where, in words; undefined when it does. */
async function findCause(host: RedisHost, settings: RedisSettings): Promise<string | undefined> {
  const node = new Redis({ ...createRedisOptions(settings), ...host, lazyConnect: true, retryStrategy: null })
  let cause: Error | undefined
  node.on('error', (error: Error) => {
    cause ??= error
  })
  try {
    await node.cluster('SLOTS')
    return undefined
  } catch (error) {
    return describeRedisError(cause ?? (error as Error))
  } finally {
    node.disconnect()
  }
}

/** One line for each cause of a node's outage, and one for its end. */
function followNodes(cluster: Cluster, log: RedisLog): void {
  const outages = new Map<string, Outage>()
  const find = (name: string) => {
    const [host = '', port = ''] = name.split(/:(?=\d+$)/)
    const known =
      outages.get(name) ?? createOutage(`Redis at ${formatHost({ host, port: Number(port) })}`, log)
    outages.set(name, known)
    return known
  }
  cluster.on('node error', (error: Error, name: string) => {
    // Of the connection that asks for the slots nothing is left but that it was closed. Once the cluster is known,
    // each node has a connection of its own, which says why.
    if (cluster.status === 'ready' && error.message !== 'Connection is closed.') find(name).begin(error)
  })
  cluster.on('+node', (node: Redis) => node.on('ready', () => find(nameNode(node)).end()))
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
