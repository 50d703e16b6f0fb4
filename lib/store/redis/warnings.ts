import { Cluster, type Redis } from 'ioredis'
import type { RedisLog } from './outage.ts'

/**
 * Warns of a server that may forget, and of one that wants another form of REDIS_URL; once each, and anew of the
 * server that takes over in a failover. Returns what resolves when every server that is connected has been asked.
 */
export function warnOfRedis(client: Redis | Cluster, log: RedisLog): () => Promise<void> {
  const told = new Set<string>()
  const asking = new Set<Promise<void>>()
  const examine = async (server: Redis, findWarnings: (info: string) => string[]) => {
    for (const warning of findWarnings(await readInfo(server))) {
      if (!told.has(warning)) log.warn(warning)
      told.add(warning)
    }
  }
  const follow = (server: Redis, findWarnings: (info: string) => string[]) => {
    server.on('ready', () => {
      const examination = examine(server, findWarnings).finally(() => asking.delete(examination))
      asking.add(examination)
    })
  }
  if (client instanceof Cluster) {
    client.on('+node', (node: Redis) => {
      follow(node, (info) => findEviction(info, `Redis at ${node.options.host}:${node.options.port}`))
    })
  } else {
    follow(client, (info) => [...findEviction(info, 'Redis'), ...findOtherShape(info)])
  }
  return async () => {
    await Promise.all(asking)
  }
}

/** Managed services often forbid CONFIG and seldom INFO; what cannot be read is not warned of. */
function readInfo(server: Redis): Promise<string> {
  return server.info().catch(() => '')
}

function findEviction(info: string, name: string): string[] {
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction'
  if (policy === 'noeviction') return []
  return [
    `${name} has maxmemory-policy ${policy}: when its memory is full it forgets sign-ins. Set it to noeviction.`,
  ]
}

function findOtherShape(info: string): string[] {
  switch (/^redis_mode:(\S+)/m.exec(info)?.[1]) {
    case 'cluster':
      return [
        'Redis is part of a cluster: REDIS_URL should begin with redis+cluster:// or rediss+cluster://.',
      ]
    case 'sentinel':
      return [
        'Redis is a sentinel: REDIS_URL should begin with redis+sentinel:// and end with the name of the primary.',
      ]
    default:
      return []
  }
}
