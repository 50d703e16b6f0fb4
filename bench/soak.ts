/**
 * `npm run soak -- [seconds] [calls a second] [streams] [--write]`: many clients at two instances on one Redis, behind
 * nginx with TLS, for minutes. It ends with 1 when a client saw anything that it should not see, or when an instance
 * holds more at the end than it did once it had warmed up. With `--write` it writes what it saw into docs/soak.md.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startSentry } from '../test/sandbox/sentry/server.ts'
import { findFreePort } from '../test/support/free-port.ts'
import { createLifetime } from '../test/support/lifetime.ts'
import { startNginx } from '../test/support/nginx.ts'
import { startRedis } from '../test/support/redis.ts'
import { type Gauge, startGaugedServer } from './instrumented-server.ts'
import { createSettings } from './settings.ts'
import { call, createSight, keepSignedIn, keepStream, SLOW, signInClients } from './soak-clients.ts'
import { describeSoak, findFaults, writeReport } from './soak-report.ts'

const [seconds = 300, rate = 300, streams = 1000] = process.argv
  .slice(2)
  .filter((argument) => !argument.startsWith('--'))
  .map(Number)
const CLIENTS = 200

/** How much of the time is for warming up. */
const WARM_UP = 0.25

/** How long the slow answers take, in ms; the service itself gives up after 30 s. */
const SLOWNESS = 25_000

/** Calls go out in groups, this many ms apart. */
const TICK = 20

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await using closing = new AsyncDisposableStack()
const lifetime = createLifetime(closing)
const redis = await startRedis(lifetime)
const port = await findFreePort()
const ports = [await findFreePort(), await findFreePort()]
const sentry = await startSentry({
  redirectUris: [`https://localhost:${port}/oauth/callback`],
  // Short enough that Sentry's tokens are renewed as well.
  accessTokenTtl: 300,
})
lifetime.teardown(() => sentry.close())
const settings = {
  ...createSettings(`https://localhost:${port}`, sentry, redis),
  ACCESS_TOKEN_TTL: '60',
  RATE_LIMIT_OAUTH: '1000000',
  TRUST_PROXY: '127.0.0.1',
  LOG_LEVEL: 'fatal',
}
const instances = await Promise.all(ports.map((own) => startGaugedServer(own, settings)))
for (const instance of instances) lifetime.teardown(() => instance.end())
const { url } = await startNginx(lifetime, { instances: ports, port })

print(`Signing ${CLIENTS} clients in …`)
const clients = await signInClients(url, CLIENTS)
const pick = (turn: number) =>
  clients[turn % CLIENTS] ?? Promise.reject(new TypeError('There are no clients.'))

sentry.fail(SLOW.path, { kind: 'hang', ms: SLOWNESS })
const over = new AbortController()
const sight = createSight()
const begunAt = Date.now()
const background: Promise<void>[] = clients.map((one) => keepSignedIn(one, sight, over.signal))
const calls = new Set<Promise<void>>()
let turn = 0
let warm: Gauge[] | undefined
print(`${rate} calls a second and ${streams} streams, for ${seconds} s …`)

while (Date.now() < begunAt + seconds * 1000) {
  const elapsed = Date.now() - begunAt
  // All at once would be a test of how quickly connections are made.
  while (background.length - CLIENTS < Math.min(streams, elapsed / 10)) {
    background.push(keepStream(url, await pick(background.length), sight, over.signal))
  }
  while (turn < (elapsed * rate) / 1000) {
    const made = call(url, await pick(turn), turn, sight).finally(() => calls.delete(made))
    calls.add(made)
    turn += 1
    if (turn % (rate * 5) === 0) troubleSentry()
  }
  if (warm === undefined && elapsed > seconds * 1000 * WARM_UP) warm = await measure()
  await sleep(TICK)
}
const end = await measure()
const duration = (Date.now() - begunAt) / 1000
const openStreams = sight.streams.open
over.abort()
await Promise.all([...calls, ...background])
const rest = await measure()

const result = { duration, rate, clients: CLIENTS, openStreams, sight, warm: warm ?? end, end, rest }
print(describeSoak(result))
const faults = findFaults(result)
print(faults.length === 0 ? 'Nothing was lost, and nothing grew.' : faults.join('\n'))
if (process.argv.includes('--write') && faults.length === 0) writeReport(result)
process.exitCode = faults.length === 0 ? 0 : 1

/** Every five seconds Sentry refuses a few requests, in turn for having had too many and for being ill. */
function troubleSentry(): void {
  // What it was asked is of no interest here, and there is much of it.
  sentry.requests.length = 0
  const isIll = (turn / (rate * 5)) % 2 === 0
  const fault = isIll ? { kind: 'status', status: 502 } : { kind: 'status', status: 429, retryAfter: 1 }
  sentry.fail('GET /api/0/users/', fault as Parameters<typeof sentry.fail>[1], 10)
  sentry.fail(
    'GET /api/0/organizations/tidewater-books/projects/',
    fault as Parameters<typeof sentry.fail>[1],
    10,
  )
}

function measure(): Promise<Gauge[]> {
  return Promise.all(instances.map((instance) => instance.measure()))
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
