import { type Test, test } from 'tap'
import { checkRedis } from '../../commands/doctor/check-redis.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { registerClient } from '../support/client.ts'
import { KEYS, SETTINGS, spawnCommand } from '../support/command.ts'
import { createSettings, list } from '../support/doctor.ts'
import { postMcp } from '../support/mcp.ts'
import { startRedis } from '../support/redis.ts'
import { createUser, listRefusals, PASSWORD, USER } from '../support/redis-acl.ts'
import { connectNode, startCluster, startWatchedRedis } from '../support/redis-shapes.ts'
import { startService } from '../support/service.ts'

const SAFE = ['--appendonly', 'yes', '--maxmemory-policy', 'noeviction']

// Each with the user of docs/storage.md, whose ACL allows only what is needed.

test('the ACL of docs/storage.md suffices for one server', async (t) => {
  const node = connectNode(t, await startRedis(t, ...SAFE))
  await createUser(node, 'redis')
  const findings = await useEverything(t, { REDIS_URL: withUser(node.url) })
  t.match(list(findings, 'ok').join('\n'), /is a primary with 0 replicas/)
  t.same(list(findings, 'warning'), [])
  t.same(await listRefusals(node), [])
})

test('the ACL of docs/storage.md suffices for a cluster', async (t) => {
  const cluster = await startCluster(t, { primaries: 2, replicas: 2 }, ...SAFE)
  const nodes = [...cluster.primaries, ...cluster.replicas]
  for (const node of nodes) await createUser(node, 'cluster')
  const findings = await useEverything(t, { REDIS_URL: withUser(cluster.url) })
  const text = list(findings, 'ok').join('\n')
  t.match(
    text,
    `REDIS_URL leads to ${cluster.primaries.map(({ port }) => `127.0.0.1:${port}`).join(', ')} (cluster).`,
  )
  for (const { port } of cluster.primaries) t.match(text, `is at 127.0.0.1:${port}.`)
  for (const fact of ['is a primary with 1 replica.', 'is noeviction', 'appendonly'])
    t.equal(text.split(fact).length, 3, `${fact}: of each primary`)
  t.same(list(findings, 'warning'), [])
  for (const node of nodes) t.same(await listRefusals(node), [])
})

test('the ACL of docs/storage.md suffices with sentinels, which have their own password', async (t) => {
  const redis = await startWatchedRedis(t, { sentinels: 1, args: SAFE })
  for (const node of redis.nodes) await createUser(node, 'redis')
  for (const node of redis.sentinels) await createUser(node, 'sentinel')
  const { primary } = await redis.findRoles()
  const findings = await useEverything(t, {
    REDIS_URL: withUser(redis.url),
    REDIS_SENTINEL_USERNAME: USER,
    REDIS_SENTINEL_PASSWORD: PASSWORD,
  })
  const text = list(findings, 'ok').join('\n')
  t.match(text, /REDIS_URL leads to sign-ins \(sentinels 127\.0\.0\.1:\d+\)\./)
  t.match(text, `is at 127.0.0.1:${primary.port}.`)
  t.match(text, 'is a primary with 1 replica.')
  t.same(list(findings, 'warning'), [])
  for (const node of [...redis.nodes, ...redis.sentinels]) t.same(await listRefusals(node), [])
})

/** A sign-in, calls beyond the limit, a refresh, the operators' commands, and the findings of the doctor. */
async function useEverything(t: Test, redis: Record<string, string>) {
  const limits = { RATE_LIMIT_MCP: '2', RATE_LIMIT_OAUTH: '20' }
  const service = await startService(t, { settings: { STORE: 'redis', ...redis, ...KEYS, ...limits } })
  const client = await registerClient(service.url)
  const tokens = await client.signIn()
  const call = async () => (await postMcp(`${service.url}/mcp`, tokens.access_token, 'tools/list')).status
  t.same([await call(), await call(), await call()], [200, 200, 429], 'the limit counts')
  t.equal((await client.refresh(tokens.refresh_token)).status, 200)
  await client.signIn()

  const settings = { ...SETTINGS, ...redis, BASE_URL: service.url }
  const run = (name: 'grants' | 'reseal', args: string[], changes = {}) =>
    spawnCommand(name, args, { ...settings, ...changes })
  t.match(await run('grants', ['list', '--user', '1001']), { code: 0, stdout: /^2 grants$/m, stderr: '' })
  const rolled = { ENCRYPTION_KEY: `${'n'.repeat(32)},${KEYS.ENCRYPTION_KEY}` }
  t.match(await run('reseal', [], rolled), {
    code: 0,
    stdout: /resealed with the first key: 2/,
    stderr: '',
  })
  t.match(await run('grants', ['revoke', '--user', '1001']), { code: 0, stdout: /^2 grants revoked$/m })
  t.equal(await call(), 401)

  const findings = await checkRedis(loadConfig({ ...createSettings(service.sentry), ...settings }))
  t.same(list(findings, 'error'), [])
  t.notMatch(service.log.join('') + JSON.stringify(findings), PASSWORD)
  return findings
}

function withUser(url: string): string {
  return url.replace('://', `://${USER}:${PASSWORD}@`)
}
