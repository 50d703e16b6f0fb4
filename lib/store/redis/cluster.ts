import { Cluster, Redis } from 'ioredis'
import { formatHost, type RedisAddress, type RedisHost } from '../../config/redis-address.ts'
import { computeRetryDelay, createRedisOptions, type RedisSettings } from './options.ts'
import { createOutage, describeRedisError, type Outage, type RedisLog } from './outage.ts'

/** For the response of a node to CLUSTER SLOTS, before the next one is asked. */
const SLOTS_TIMEOUT_MS = 1_000

/** The attempt from which the delay no longer grows. */
const LATER_ATTEMPT = 4

/**
 * A client of a cluster, not connected yet, and a function that connects it to each of the primaries, or logs why no node
 * responds. A command that a node refuses with MOVED, ASK or TRYAGAIN did not run, and is redirected; no other command
 * is sent twice. Commands for an unavailable node fail immediately, those for other nodes succeed.
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
    // CLUSTERDOWN is an error like any other; the caller decides whether to retry.
    enableReadyCheck: false,
    retryDelayOnClusterDown: 0,
    // A command in flight when its connection was lost may have run.
    retryDelayOnFailover: 0,
    maxRedirections: 5,
    slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
    clusterRetryStrategy: computeRetryDelay,
    // Hosts stay names: certificates are issued for them, and one of several addresses may be that of a lost node.
    dnsLookup: (name, done) => done(null, name),
  })
  logNodeOutages(cluster, log)
  const logCauses = logClusterOutages(cluster, settings, address, outage)
  keepConnected(cluster)
  return {
    client: cluster,
    async connect() {
      await cluster.connect().catch(logCauses)
      await connectPrimaries(cluster)
    },
  }
}

/** The primaries that own slots, connected or not; together they have all data. */
export function listPrimaries(cluster: Cluster): { name: string; client: Redis | undefined }[] {
  const names = new Set(cluster.slots.flatMap(([primary]) => (primary === undefined ? [] : [primary])))
  const clients = new Map(cluster.nodes('master').map((client) => [formatNode(client), client]))
  return [...names].sort().map((name) => ({ name, client: clients.get(name) }))
}

function formatNode({ options }: Redis): string {
  return `${options.host}:${options.port}`
}

/**
 * Logs when no node responds. ioredis does not say why, so the nodes of the setting are asked. The function it returns
 * does that, and resolves when the causes are logged.
 */
function logClusterOutages(
  cluster: Cluster,
  settings: RedisSettings,
  { hosts }: RedisAddress,
  outage: Outage,
): () => Promise<void> {
  let pending: Promise<void> | undefined
  const findCauses = async () => {
    const found = await Promise.all(hosts.map((host) => findNodeFailure(host, settings)))
    pending = undefined
    const causes = new Set(found.filter((cause) => cause !== undefined))
    if (cluster.status !== 'ready' && causes.size > 0) outage.begin([...causes].join('; '))
  }
  const logCauses = () => {
    pending ??= findCauses()
    return pending
  }
  cluster.on('ready', outage.end)
  cluster.on('error', logCauses)
  return logCauses
}

/** Why a node does not respond to CLUSTER SLOTS; undefined when it does. */
async function findNodeFailure(host: RedisHost, settings: RedisSettings): Promise<string | undefined> {
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

/** Logs one line for each cause of a node's outage, and one for its end. */
function logNodeOutages(cluster: Cluster, log: RedisLog): void {
  const outages = new Map<string, Outage>()
  const find = (name: string) => {
    const [host = '', port = ''] = name.split(/:(?=\d+$)/)
    const outage =
      outages.get(name) ?? createOutage(`Redis at ${formatHost({ host, port: Number(port) })}`, log)
    outages.set(name, outage)
    return outage
  }
  cluster.on('node error', (error: Error, name: string) => {
    // The connection for CLUSTER SLOTS reports only that it was closed. Once the cluster is ready, each node has its own
    // connection, which reports the cause.
    if (cluster.status === 'ready' && error.message !== 'Connection is closed.') find(name).begin(error)
  })
  cluster.on('+node', (node: Redis) => node.on('ready', () => find(formatNode(node)).end()))
}

/**
 * ioredis connects to a node with the first command for it and would reject all others meanwhile; and it discovers a
 * returned node, or its successor, only by failing commands.
 */
function keepConnected(cluster: Cluster): void {
  cluster.on('ready', () => connectPrimaries(cluster))
  // Deferred, since ioredis expects a new node to be unconnected at its first command.
  cluster.on('+node', () => setImmediate(() => connectPrimaries(cluster)))
  let isScheduled = false
  cluster.on('-node', () => {
    if (isScheduled) return
    isScheduled = true
    const refresh = () => {
      isScheduled = false
      refreshSlots(cluster)
    }
    setTimeout(refresh, computeRetryDelay(LATER_ATTEMPT)).unref()
  })
}

/** Reads the slots again, which also connects to primaries that are available again. */
function refreshSlots(cluster: Cluster): void {
  if (cluster.status !== 'ready') return
  cluster.refreshSlotsCache((error) => {
    // No known node is left. Reconnecting starts from the nodes of the setting.
    if (error && cluster.status === 'ready') cluster.disconnect(true)
  })
}

async function connectPrimaries(cluster: Cluster): Promise<void> {
  if (cluster.status !== 'ready') return
  const waiting = cluster.nodes('master').filter(({ status }) => status === 'wait')
  await Promise.allSettled(waiting.map((node) => node.connect()))
}
