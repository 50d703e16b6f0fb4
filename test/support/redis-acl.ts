import { readFileSync } from 'node:fs'
import type { RedisNode } from './redis-shapes.ts'

const STORAGE = new URL('../../docs/storage.md', import.meta.url)

/** The user of docs/storage.md, and a password that no log may contain. */
export const [USER, PASSWORD] = ['sentry-mcp', 'word-of-the-acl']

/** Creates that user on a server with exactly the rules of docs/storage.md. */
export async function createUser(
  { client }: Pick<RedisNode, 'client'>,
  at: 'redis' | 'cluster' | 'sentinel',
) {
  const text = readFileSync(STORAGE, 'utf8')
  const [redis = '', sentinel = ''] = [...text.matchAll(/^ *ACL SETUSER \S+ (.*)$/gm)].map(
    ([, rules]) => rules,
  )
  const cluster = /In a cluster.*? also `(.*?)`/.exec(text)?.[1] ?? ''
  const rules = { redis, cluster: `${redis} ${cluster}`, sentinel }[at].replace('>password', `>${PASSWORD}`)
  await client.call('ACL', 'SETUSER', USER, 'reset', ...rules.split(' '))
  await client.call('ACL', 'LOG', 'RESET')
}

/** What a server has refused to its users. */
export async function listRefusals({ client }: Pick<RedisNode, 'client'>): Promise<unknown> {
  return client.call('ACL', 'LOG')
}
