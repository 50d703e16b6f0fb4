import { readdirSync, readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { startSentry } from '../test/sandbox/sentry/server.ts'
import { registerClient } from '../test/support/client.ts'
import { createLifetime } from '../test/support/lifetime.ts'
import { startRedis } from '../test/support/redis.ts'
import { startServiceProcess } from '../test/support/service-process.ts'
import { createSettings } from '../test/support/settings.ts'

/**
 * What an unauthenticated request of each kind costs: CPU time of the service's process, and bytes in Redis with their
 * lifetime. Fails where a kind costs more than it may. Usage: npm run test:cost
 */

/** Until V8 has compiled what a kind runs. */
const WARM_UP = 250

/** Each round compares a few requests with as many of `/health` beside them, so a busy machine slows both down. */
const ROUNDS = 11
const REQUESTS = 12

/** Times the CPU of `/health`, at the median of the rounds. */
const MAX_CPU_RATIO = 6

interface Kind {
  name: string
  send(): Promise<Response>
  /** What it may leave in the store. */
  store?: { bytes: number; seconds: number }
}

const KIBI = 1024
await using closing = new AsyncDisposableStack()
const lifetime = createLifetime(closing)
const server = await startRedis(lifetime)
const redis = new Redis(server.url)
lifetime.teardown(() => redis.disconnect())
const sentry = await startSentry()
lifetime.teardown(() => sentry.close())
const service = await startServiceProcess(lifetime, (url) => {
  sentry.redirectUris.push(`${url}/oauth/callback`)
  return {
    ...createSettings(url, sentry),
    REDIS_URL: server.url,
    // Counting is part of the costs.
    RATE_LIMIT_OAUTH: '1000000',
  }
})
const { url } = service
const client = await registerClient(url)
const kinds = listKinds()

let isOver = false
const [baseline = fail('There is nothing to compare with.')] = kinds
for (const { send } of kinds) await sendAll(send, WARM_UP)
process.stdout.write('| Request | ms CPU | × /health | Redis |\n|---|---|---|---|\n')
for (const kind of kinds) {
  const stored = await measureStore(kind)
  const { cpu, ratio } = await compareCpu(kind, baseline)
  const { bytes = 0, seconds = 0 } = kind.store ?? {}
  const isExpensive = ratio > MAX_CPU_RATIO || stored.bytes > bytes || stored.seconds > seconds
  isOver ||= isExpensive
  const store = stored.bytes === 0 ? '0' : `${stored.bytes} bytes for ${stored.seconds} s`
  const mark = isExpensive ? ' **over**' : ''
  process.stdout.write(`| ${kind.name} | ${cpu.toFixed(2)} | ${ratio.toFixed(1)} | ${store}${mark} |\n`)
}
process.exitCode = isOver ? 1 : 0

function listKinds(): Kind[] {
  const get =
    (path: string, headers: Record<string, string> = {}) =>
    () =>
      fetch(`${url}${path}`, { headers, redirect: 'manual' })
  const post =
    (path: string, body: string, headers: Record<string, string> = {}) =>
    () =>
      fetch(`${url}${path}`, { method: 'POST', body, headers, redirect: 'manual' })
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const json = { 'content-type': 'application/json' }
  const authorize =
    (changes: Record<string, string> = {}) =>
    () =>
      fetch(client.createAuthorizeUrl(changes), { redirect: 'manual' })
  const register = (metadata: object) =>
    post(
      '/oauth/register',
      JSON.stringify({ client_name: 'Client', redirect_uris: [client.redirectUri], ...metadata }),
      json,
    )
  const bearer = (token: string) => ({ ...json, authorization: `Bearer ${token}` })
  const uris = (length: number) =>
    Array.from({ length: 10 }, (_, at) => `https://example.com/${at}${'a'.repeat(length)}`)
  return [
    { name: 'GET /health', send: get('/health') },
    { name: 'GET /', send: get('/') },
    { name: 'GET an unknown path', send: get('/unknown') },
    { name: 'GET a path of 15 KB', send: get(`/${'a/'.repeat(7_500)}`) },
    { name: 'GET a path of 15 KB like a token', send: get(`/${'eyJ-'.repeat(3_750)}`) },
    { name: 'GET a query of 15 KB', send: get(`/?a=${'eyJ-'.repeat(3_750)}`) },
    { name: 'GET metadata', send: get('/.well-known/oauth-authorization-server') },
    { name: 'GET /account', send: get('/account') },
    { name: 'GET /oauth/authorize', send: authorize(), store: { bytes: 8 * KIBI, seconds: 600 } },
    {
      name: 'GET /oauth/authorize, the longest',
      send: authorize({ state: 'a'.repeat(2_000) }),
      store: { bytes: 8 * KIBI, seconds: 600 },
    },
    { name: 'GET /oauth/authorize, wrong', send: authorize({ redirect_uri: 'https://example.com/' }) },
    { name: 'GET /oauth/callback, made up', send: get(`/oauth/callback?code=a&state=${'a'.repeat(43)}`) },
    { name: 'POST /oauth/register', send: register({}) },
    {
      name: 'POST /oauth/register, stored',
      send: register({ redirect_uris: uris(300) }),
      store: { bytes: 4 * KIBI, seconds: 3_600 },
    },
    {
      name: 'POST /oauth/register, confidential',
      send: register({ token_endpoint_auth_method: 'client_secret_post', redirect_uris: uris(300) }),
      store: { bytes: 4 * KIBI, seconds: 3_600 },
    },
    { name: 'POST /oauth/register, longer than a record', send: register({ redirect_uris: uris(1_900) }) },
    { name: 'POST /oauth/register, 63 KB', send: register({ client_name: 'a'.repeat(60_000) }) },
    {
      name: 'POST /oauth/token, wrong code',
      send: post(
        '/oauth/token',
        `grant_type=authorization_code&code=${'a'.repeat(43)}&client_id=${client.id}`,
        form,
      ),
    },
    {
      name: 'POST /oauth/token, made-up refresh token',
      send: post(
        '/oauth/token',
        `grant_type=refresh_token&refresh_token=rt1.${'a'.repeat(43)}&client_id=${client.id}`,
        form,
      ),
    },
    {
      name: 'POST /oauth/revoke',
      send: post('/oauth/revoke', `token=${'a'.repeat(43)}&client_id=${client.id}`, form),
    },
    { name: 'POST /oauth/consent', send: post('/oauth/consent', 'a=b', form) },
    { name: 'POST /mcp, no token', send: post('/mcp', '{}', json) },
    { name: 'POST /mcp, 12 KB token', send: post('/mcp', '{}', bearer('eyJ-'.repeat(3_000))) },
    {
      name: 'POST /mcp, a token like ours',
      send: post('/mcp', '{}', bearer(`${btoa('{"alg":"HS256","typ":"at+jwt"}')}.e30.aaaa`)),
    },
    { name: 'POST /mcp, 250 KB', send: post('/mcp', 'a'.repeat(250 * KIBI), json) },
  ]
}

/** CPU time of one request, in ms, and how many times that of another it is: medians of the rounds. */
async function compareCpu(kind: Kind, other: Kind): Promise<{ cpu: number; ratio: number }> {
  const rounds: { cpu: number; ratio: number }[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const base = await measureCpu(other)
    const cpu = await measureCpu(kind)
    rounds.push({ cpu, ratio: cpu / base })
  }
  return {
    cpu: findMedian(rounds.map(({ cpu }) => cpu)),
    ratio: findMedian(rounds.map(({ ratio }) => ratio)),
  }
}

async function measureCpu({ send }: Kind): Promise<number> {
  const before = readCpuMs()
  await sendAll(send, REQUESTS)
  return (readCpuMs() - before) / REQUESTS
}

async function sendAll(send: Kind['send'], count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) await (await send()).arrayBuffer()
}

function findMedian(values: number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** Time on a CPU of all threads of the process, in ms (proc_pid_schedstat: nanoseconds, where `stat` has ticks of 10 ms). */
function readCpuMs(): number {
  const threads = `/proc/${service.pid}/task`
  const times = readdirSync(threads).map((thread) =>
    Number(readFileSync(`${threads}/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return times.reduce((sum, time) => sum + time, 0) / 1e6
}

function fail(reason: string): never {
  throw new TypeError(reason)
}

/** What one request leaves in Redis, apart from counts of limits. */
async function measureStore({ send }: Kind): Promise<{ bytes: number; seconds: number }> {
  // A record of an earlier request of the kind may have the same name.
  await redis.flushall()
  await (await send()).arrayBuffer()
  const added = (await redis.keys('*')).filter((key) => !key.includes(':rate:'))
  const sizes = await Promise.all(added.map((key) => redis.memory('USAGE', key)))
  const lifetimes = await Promise.all(added.map((key) => redis.ttl(key)))
  return {
    bytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
    seconds: Math.max(0, ...lifetimes),
  }
}
