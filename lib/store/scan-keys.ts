import type { Cluster, Redis } from 'ioredis'

/** How many keys a server looks at for one part, which keeps it busy for well under a millisecond. */
const COUNT = 500

/**
 * A part of the keys that match a glob. It begins without a cursor and goes on with the `next` of the part before;
 * of a cluster, one primary after the other is asked. SCAN's promises hold: a key that is there all along comes at
 * least once.
 */
export async function scanKeys(
  redis: Redis | Cluster,
  glob: string,
  cursor = '0:0',
): Promise<{ names: string[]; next: string | undefined }> {
  const servers = listServers(redis)
  // A position has 64 bits, more than a number can hold.
  const [place, position = '0'] = cursor.split(':')
  const server = servers[Number(place)]
  if (server === undefined) throw new Error('The servers of the cluster are not known at the moment.')
  const [next, names] = await server.scan(position, 'MATCH', glob, 'COUNT', COUNT)
  if (next !== '0') return { names, next: `${place}:${next}` }
  const following = Number(place) + 1
  return { names, next: following < servers.length ? `${following}:0` : undefined }
}

/** The primaries, in an order that stays as it is. */
function listServers(redis: Redis | Cluster): Redis[] {
  if (!('nodes' in redis)) return [redis]
  const name = ({ options }: Redis) => `${options.host}:${options.port}`
  return redis.nodes('master').sort((one, other) => name(one).localeCompare(name(other)))
}
