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

test('a Redis with persistence is ok, and no key is left in it', async (t) => {
  const { url } = await startRedis(t, ...SAFE)
  const findings = await check(url)
  t.same(
    findings.filter(({ status }) => status !== 'ok'),
    [],
  )
  const text = list(findings, 'ok').join('\n')
  t.match(text, /(Redis|Valkey) \d+\.\d+\.\d+ is at 127\.0\.0\.1:\d+/)
  t.match(text, /maxmemory-policy of 127\.0\.0\.1:\d+ is noeviction/)
  t.match(text, 'appendonly')
  t.match(text, 'not encrypted')
  const redis = connect(t, url)
  t.equal(await redis.dbsize(), 0)
})

test('a Redis that loses data when full or at a restart is a warning', async (t) => {
  const { url } = await startRedis(t, '--maxmemory-policy', 'allkeys-lru')
  const [memory, persistence, ...others] = list(await check(url), 'warning')
  t.match(memory, /allkeys-lru: it deletes sign-ins when its memory is full\. → .*noeviction/)
  t.match(persistence, /keeps nothing on its disk: .* → Set appendonly to yes/)
  t.same(others, [])

  const redis = connect(t, url)
  await redis.config('SET', 'save', '3600 1')
  t.match(list(await check(url), 'warning').join('\n'), /snapshots only/)
})

test('a connection error is reported with advice for its cause', async (t) => {
  const server = await startRedis(t, ...SAFE, '--requirepass', 'right-password')
  const address = server.url.slice('redis://'.length)
  for (const [url, problem, advice] of [
    [server.url, 'NOAUTH', 'Put the right user and password into REDIS_URL'],
    [`redis://:hidden-word@${address}`, 'WRONGPASS', 'Put the right user and password into REDIS_URL'],
    [`rediss://:right-password@${address}`, 'ETIMEDOUT', 'If the server does not speak TLS, use redis://'],
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

test('a Redis that requires TLS, or has an unknown certificate, is reported', async (t) => {
  const [port, { file, keyFile }] = [await findFreePort(), await createCertificate(t, 'localhost')]
  const tls = ['--tls-port', String(port), '--tls-cert-file', file, '--tls-key-file', keyFile]
  await startRedis(t, ...SAFE, ...tls, '--tls-ca-cert-file', file, '--tls-auth-clients', 'no')

  const plain = list(await check(`redis://localhost:${port}`), 'error')
  t.match(plain, [/not available.* If the server speaks only TLS, use rediss:\/\//])
  const unknown = list(await check(`rediss://localhost:${port}`), 'error')
  t.match(unknown, [
    /authority that is not trusted here \(self-signed certificate\).* → Set REDIS_CA to the file/,
  ])
  const unverified = await check(`rediss://localhost:${port}`, { REDIS_TLS_REJECT_UNAUTHORIZED: 'false' })
  t.same(list(unverified, 'error'), [])
  t.match(list(unverified, 'warning'), [/REDIS_TLS_REJECT_UNAUTHORIZED is false/])
})

test('the refusals of a replica and of a full server are explained', async (t) => {
  const [primary, server] = [await startRedis(t), await startRedis(t, ...SAFE)]
  const redis = connect(t, server.url)
  const refused = async () => list(await check(server.url), 'error').join('\n')

  await redis.replicaof('127.0.0.1', new URL(primary.url).port)
  t.match(await refused(), /READONLY .* → It is a replica: set REDIS_URL to the primary/)
  await redis.replicaof('NO', 'ONE')

  await redis.config('SET', 'maxmemory', '1')
  t.match(await refused(), /OOM .* → Its memory is full: raise maxmemory/)
  await redis.config('SET', 'maxmemory', '0')
  t.equal(await refused(), '')
})

test('commands that an ACL denies are errors, but INFO and CONFIG are not required', async (t) => {
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
  t.match(list(await check(asService), 'warning'), [
    /whether it makes snapshots is unknown: CONFIG is denied/,
  ])

  await redis.acl('SETUSER', 'service', '-zadd', '-evalsha')
  t.match(list(await check(asService), 'error'), [
    /may not run zadd, evalsha on keys .* → Allow it: ACL SETUSER <user> \+zadd \+evalsha ~sentry-mcp:\*/,
  ])

  await redis.acl('SETUSER', 'service', 'resetkeys', '~other:*')
  t.match(list(await check(asService), 'error'), [/may not run set on keys/])
})

test('the tried commands are those of the store, the rate limiter and docs/storage.md', async (t) => {
  const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
  const scripts =
    read('lib/store/redis/scripts.ts') + read('node_modules/@fastify/rate-limit/store/RedisStore.js')
  const inScripts = [...scripts.matchAll(/redis\.call\('(\w+)'/g)].map(([, name = '']) => name.toLowerCase())
  const direct = [...read('lib/store/redis/store.ts').matchAll(/\bredis\.(\w+)\(/g)].map(([, name]) => name)
  const sent = [...inScripts, ...direct]
  t.same([...new Set(sent)].sort(), [...REDIS_COMMANDS].sort())
  const rules = /^ *ACL SETUSER .* (\+evalsha .*)$/m.exec(read('docs/storage.md'))?.[1] ?? ''
  const documented = [...rules.matchAll(/\+(\w+)/g)].map(([, name = '']) => name)
  const optional = ['info', 'client', 'scan']
  t.same(documented.filter((name) => !optional.includes(name)).sort(), [...REDIS_COMMANDS].sort())
})

test('a remote connection without a password is a warning', async (t) => {
  const { url } = await startRedis(t, ...SAFE)
  const { hostname, port } = new URL(url)
  t.equal(hostname, '127.0.0.1')
  // Reaches this machine, but is not a loopback address.
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
