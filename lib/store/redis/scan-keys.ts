import { Cluster, type Redis } from 'ioredis'
import { listPrimaries } from './cluster.ts'

/** How many keys a server looks at for one part, which keeps it busy for well under a millisecond. */
const COUNT = 500

/**
 * A part of the keys that match a glob. It begins without a cursor and goes on with the `next` of the part before;
 * of a cluster, one primary after the other is asked, and throws when one of them is away. SCAN's promises hold: a
 * key that is there all along, and on the same primary, comes at least once.
 */
export async function scanKeys(
  redis: Redis | Cluster,
  glob: string,
  cursor?: string,
): Promise<{ names: string[]; next: string | undefined }> {
  const servers = listServers(redis)
  // A position has 64 bits, more than a number can hold.
  const [position = '0', place = servers[0]?.name] = cursor?.split(' ') ?? []
  const index = servers.findIndex(({ name }) => name === place)
  const server = servers[index]?.client
  if (server === undefined)
    throw new Error('A primary of the cluster is not known or not there at the moment.')
  const [next, names] = await server.scan(position, 'MATCH', glob, 'COUNT', COUNT)
  if (next !== '0') return { names, next: `${next} ${place}` }
  const following = servers[index + 1]
  return { names, next: following && `0 ${following.name}` }
}

function listServers(redis: Redis | Cluster): { name: string; client: Redis | undefined }[] {
  return redis instanceof Cluster ? listPrimaries(redis) : [{ name: '', client: redis }]
}
