import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { checkRedis } from '../../../commands/doctor/check-redis.ts'
import { REDIS_COMMANDS } from '../../../commands/doctor/check-redis-server.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { createCertificate } from '../../support/certificate.ts'
import { createSettings, list } from '../../support/doctor.ts'
import { findFreePort } from '../../support/free-port.ts'
import { startRedis } from '../../support/redis.ts'

const SAFE = ['--appendonly', 'yes', '--maxmemory-policy', 'noeviction']

test('a Redis that keeps everything is well, and nothing is left in it', async (t) => {
  const { url } = await startRedis(t, ...SAFE)
  const findings = await check(url)
  t.same(
    findings.filter(({ status }) => status !== 'ok'),
    [],
  )
  const text = list(findings, 'ok').join('\n')
  t.match(text, /(Redis|Valkey) \d+\.\d+\.\d+ is at 127\.0\.0\.1:\d+/)
  t.match(text, 'maxmemory-policy is noeviction')
  t.match(text, 'appendonly')
  t.match(text, 'not encrypted')
  const redis = connect(t, url)
  t.equal(await redis.dbsize(), 0)
})

test('a Redis that forgets, when full or at a restart, is warned of', async (t) => {
  const { url } = await startRedis(t, '--maxmemory-policy', 'allkeys-lru')
  const [memory, persistence, ...others] = list(await check(url), 'warning')
  t.match(memory, /allkeys-lru: when its memory is full it forgets sign-ins\. → .*noeviction/)
  t.match(persistence, /It keeps nothing: .* → Set appendonly yes/)
  t.same(others, [])

  const redis = connect(t, url)
  await redis.config('SET', 'save', '3600 1')
  t.match(list(await check(url), 'warning').join('\n'), /snapshots only/)
})

test('a Redis that cannot be used is told apart from one that is not there', async (t) => {
  const server = await startRedis(t, ...SAFE, '--requirepass', 'right-password')
  const address = server.url.slice('redis://'.length)
  for (const [url, problem, advice] of [
    [server.url, 'NOAUTH', 'Put user and password into REDIS_URL'],
    [`redis://:hidden-word@${address}`, 'WRONGPASS', 'Put user and password into REDIS_URL'],
    [`rediss://:right-password@${address}`, 'ETIMEDOUT', 'A server that does not speak TLS wants redis://'],
    ['redis://:hidden-word@127.0.0.1:1', 'ECONNREFUSED', 'redis-cli'],
    ['redis://nowhere.invalid', 'ENOTFOUND', 'redis-cli'],
  ] as const) {
    const findings = await check(url)
    const [error, ...others] = list(findings, 'error')
    t.match(error, problem, url)
    t.match(error, advice, url)
    t.same(others, [])
    t.notMatch(JSON.stringify(findings), /hidden-word|right-password/)
  }
  t.same(list(await check(`redis://:right-password@${address}`), 'error'), [])

  await server.freeze()
  t.match(list(await check(`redis://:right-password@${address}`), 'error'), [/does not answer|not available/])
})

test('TLS: a server that speaks nothing else, and one whose certificate nobody knows', async (t) => {
  const [port, { file, keyFile }] = [await findFreePort(), await createCertificate(t, 'localhost')]
  const tls = ['--tls-port', String(port), '--tls-cert-file', file, '--tls-key-file', keyFile]
  await startRedis(t, ...SAFE, ...tls, '--tls-ca-cert-file', file, '--tls-auth-clients', 'no')

  const plain = list(await check(`redis://localhost:${port}`), 'error')
  t.match(plain, [/not available.* A server that speaks TLS only wants rediss:\/\//])
  const unknown = list(await check(`rediss://localhost:${port}`), 'error')
  t.match(unknown, [
    /authority that is not trusted here \(self-signed certificate\).* → Name the file .* REDIS_CA/,
  ])
  const anybody = await check(`rediss://localhost:${port}`, { REDIS_TLS_REJECT_UNAUTHORIZED: 'false' })
  t.same(list(anybody, 'error'), [])
  t.match(list(anybody, 'warning'), [/REDIS_TLS_REJECT_UNAUTHORIZED is false/])
})

test('what a replica, a full server and a failing disk refuse is said, with what to do', async (t) => {
  const [primary, server] = [await startRedis(t), await startRedis(t, ...SAFE)]
  const redis = connect(t, server.url)
  const refused = async () => list(await check(server.url), 'error').join('\n')

  await redis.replicaof('127.0.0.1', new URL(primary.url).port)
  t.match(await refused(), /READONLY .* → It is a replica: REDIS_URL should name the primary/)
  await redis.replicaof('NO', 'ONE')

  await redis.config('SET', 'maxmemory', '1')
  t.match(await refused(), /OOM .* → Its memory is full: raise maxmemory/)
  await redis.config('SET', 'maxmemory', '0')
  t.equal(await refused(), '')
})

test('commands that an ACL denies are named, and INFO and CONFIG may be denied', async (t) => {
  const { url } = await startRedis(t, ...SAFE)
  const redis = connect(t, url)
  const needed = REDIS_COMMANDS.map((name) => `+${name}`)
  const rules = ['on', '>word', '~sentry-mcp:*', '+hello', '+client', ...needed]
  await redis.acl('SETUSER', 'service', 'reset', ...rules)
  const asService = url.replace('//', '//service:word@')
  const findings = await check(asService)
  t.same(list(findings, 'error'), [])
  t.match(list(findings, 'warning'), [/INFO is denied/])

  await redis.acl('SETUSER', 'service', '+info')
  await redis.config('SET', 'appendonly', 'no')
  t.match(list(await check(asService), 'warning'), [/whether it makes snapshots may not be asked \(CONFIG\)/])

  await redis.acl('SETUSER', 'service', '-zadd', '-evalsha')
  t.match(list(await check(asService), 'error'), [
    /may not run zadd, evalsha on keys .* → Allow it: ACL SETUSER <user> \+zadd \+evalsha ~sentry-mcp:\*/,
  ])

  await redis.acl('SETUSER', 'service', 'resetkeys', '~other:*')
  t.match(list(await check(asService), 'error'), [/may not run set on keys/])
})

test('the commands that are tried are those that scripts send and that docs/storage.md lists', async (t) => {
  const scripts = readFileSync(new URL('../../../lib/store/redis/scripts.ts', import.meta.url), 'utf8')
  const called = [...scripts.matchAll(/redis\.call\('(\w+)'/g)].map(([, name = '']) => name.toLowerCase())
  t.ok(called.length > 10)
  t.same(
    [...new Set(called)].filter((name) => !REDIS_COMMANDS.includes(name)),
    [],
  )
  const storage = readFileSync(new URL('../../../docs/storage.md', import.meta.url), 'utf8')
  const rules = /^ *ACL SETUSER .* (\+evalsha .*)$/m.exec(storage)?.[1] ?? ''
  const documented = [...rules.matchAll(/\+(\w+)/g)].map(([, name]) => name)
  const aside = ['info', 'client', 'scan']
  t.same(documented.filter((name) => !aside.includes(name ?? '')).sort(), [...REDIS_COMMANDS].sort())
})

test('a connection to elsewhere without a password, or with any certificate, is warned of', async (t) => {
  const { url } = await startRedis(t, ...SAFE)
  const { hostname, port } = new URL(url)
  t.equal(hostname, '127.0.0.1')
  // Another name of this machine that is not known to be one.
  const warnings = list(await check(`redis://0.0.0.0:${port}`), 'warning')
  t.match(warnings, [/REDIS_URL has no password/])
})

function check(REDIS_URL: string, settings: Record<string, string> = {}) {
  const sentry = { host: 'sentry.invalid', clientId: 'id', clientSecret: 'secret' }
  return checkRedis(loadConfig({ ...createSettings(sentry), REDIS_URL, ...settings }))
}

function connect(t: Test, url: string): Redis {
  const redis = new Redis(url)
  t.teardown(() => redis.disconnect())
  return redis
}
