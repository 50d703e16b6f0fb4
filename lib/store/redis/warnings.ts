import { Cluster, type Redis } from 'ioredis'
import type { RedisLog } from './outage.ts'

/**
 * Warns about a server that may evict keys or needs another form of REDIS_URL, once for each warning, also after a
 * failover to another server. The function it returns resolves when every connected server has been checked.
 */
export function warnAboutServers(client: Redis | Cluster, log: RedisLog): () => Promise<void> {
  const logged = new Set<string>()
  const pending = new Set<Promise<void>>()
  const check = async (server: Redis, findWarnings: (info: string) => string[]) => {
    for (const warning of findWarnings(await readInfo(server))) {
      if (!logged.has(warning)) log.warn(warning)
      logged.add(warning)
    }
  }
  const checkWhenReady = (server: Redis, findWarnings: (info: string) => string[]) => {
    server.on('ready', () => {
      const checked = check(server, findWarnings).finally(() => pending.delete(checked))
      pending.add(checked)
    })
  }
  if (client instanceof Cluster) {
    client.on('+node', (node: Redis) => {
      checkWhenReady(node, (info) => findEviction(info, `Redis at ${node.options.host}:${node.options.port}`))
    })
  } else {
    checkWhenReady(client, (info) => [...findEviction(info, 'Redis'), ...findOtherShape(info)])
  }
  return async () => {
    await Promise.all(pending)
  }
}

/** Managed services often forbid CONFIG but seldom INFO. Without INFO there are no warnings. */
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
