import { Cluster, type Redis } from 'ioredis'
import { formatHost, type RedisAddress } from '../../lib/config/redis-address.ts'
import { listPrimaries } from '../../lib/store/redis/cluster.ts'

/** A server that keeps a part of the data, or all of it; undefined where it does not answer. */
export interface RedisServer {
  /** `host:port` */
  name: string
  server: Redis | undefined
}

/** The servers that keep the data: the one there is, the one that sentinels chose, or the primaries of a cluster. */
export function listRedisServers(client: Redis | Cluster, address: RedisAddress): RedisServer[] {
  if (client instanceof Cluster) {
    return listPrimaries(client).map(({ name, client }) => ({
      name,
      server: client?.status === 'ready' ? client : undefined,
    }))
  }
  const { remoteAddress = '', remotePort = 0 } = client.stream
  const [configured] = address.hosts
  const host =
    address.shape === 'sentinel' || configured === undefined
      ? { host: remoteAddress, port: remotePort }
      : configured
  return [{ name: formatHost(host), server: client }]
}
