import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { registerClient, type Tokens } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startRedis } from '../support/redis.ts'
import { startService } from '../support/service.ts'

const ENCRYPTION_KEY = 'e'.repeat(32)
const JWT_SIGNING_KEY = 'j'.repeat(32)

test('moving Redis as docs/operations.md describes loses no grant', async (t) => {
  const from = await startRedis(t, '--repl-diskless-sync-delay', '0')
  const to = await startRedis(t)
  const settings = { STORE: 'redis', REDIS_URL: from.url, ENCRYPTION_KEY, JWT_SIGNING_KEY }
  const before = await startService(t, { settings })
  const client = await registerClient(before.url)
  const tokens = await client.signIn()

  const [old, next] = [connect(t, from.url), connect(t, to.url)]
  await next.replicaof('127.0.0.1', new URL(from.url).port)
  while (!(await next.info('replication')).includes('master_link_status:up')) await sleep(20)
  await old.call('CLIENT', 'PAUSE', '120000', 'WRITE')

  const call = (url: string) => postMcp(`${url}/mcp`, tokens.access_token, 'tools/call', { name: 'whoami' })
  t.match(await (await call(before.url)).json(), { result: { isError: undefined } }, 'calls go on')
  const refused = await client.refresh(tokens.refresh_token)
  t.equal(refused.status, 503)
  t.match(await refused.json(), { error: 'temporarily_unavailable' })

  const readOffset = async (redis: Redis, name: string) =>
    new RegExp(`${name}:(\\d+)`).exec(await redis.info('replication'))?.[1]
  while ((await readOffset(old, 'master_repl_offset')) !== (await readOffset(next, 'slave_repl_offset'))) {
    await sleep(20)
  }
  await next.replicaof('NO', 'ONE')
  const moved = { ...settings, REDIS_URL: to.url, BASE_URL: before.url }
  const after = await startService(t, { settings: moved, sharedSentry: before.sentry })
  await from.kill()

  t.match(await (await call(after.url)).json(), { result: { isError: undefined } })
  const refreshed = await fetch(`${after.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: client.id,
      refresh_token: tokens.refresh_token,
    }),
  })
  t.equal(refreshed.status, 200)
  t.ok(((await refreshed.json()) as Tokens).refresh_token)
})

function connect(t: Test, url: string): Redis {
  const redis = new Redis(url)
  t.teardown(() => redis.disconnect())
  return redis
}
