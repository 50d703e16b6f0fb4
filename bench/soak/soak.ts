/**
 * `npm run soak -- [seconds] [calls a second] [streams] [--write]`: many clients use two instances on one Redis, behind
 * nginx with TLS, for minutes. Exits with 1 when a request failed or when an instance holds more memory or open files
 * at the end than after its warm-up. `--write` writes the results to docs/soak.md.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startSentry } from '../../test/sandbox/sentry/server.ts'
import { findFreePort } from '../../test/support/free-port.ts'
import { createLifetime } from '../../test/support/lifetime.ts'
import { startNginx } from '../../test/support/nginx.ts'
import { startRedis } from '../../test/support/redis.ts'
import { createBenchSettings } from '../settings.ts'
import { call, createObservations, keepSignedIn, keepStream, SLOW, signInClients } from './clients.ts'
import { type Gauge, startInstrumentedServer } from './instance.ts'
import { describeSoak, findFaults, writeReport } from './report.ts'

const [seconds = 300, rate = 300, streams = 1000] = process.argv
  .slice(2)
  .filter((argument) => !argument.startsWith('--'))
  .map(Number)
const CLIENTS = 200

/** The part of the time that counts as warm-up. */
const WARM_UP = 0.25

/** The delay of Sentry's slow responses; the service itself gives up after 30 s. */
const SLOW_RESPONSE_MS = 25_000

/** Calls are sent in groups at this interval. */
const TICK_MS = 20

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
  ...createBenchSettings(`https://localhost:${port}`, sentry, redis),
  ACCESS_TOKEN_TTL: '60',
  RATE_LIMIT_OAUTH: '1000000',
  TRUST_PROXY: '127.0.0.1',
  LOG_LEVEL: 'fatal',
}
const instances = await Promise.all(ports.map((own) => startInstrumentedServer(own, settings)))
for (const instance of instances) lifetime.teardown(() => instance.end())
const { url } = await startNginx(lifetime, { instances: ports, port })

print(`Signing ${CLIENTS} clients in …`)
const clients = await signInClients(url, CLIENTS)
const pick = (turn: number) =>
  clients[turn % CLIENTS] ?? Promise.reject(new TypeError('There are no clients.'))

sentry.fail(SLOW.path, { kind: 'hang', ms: SLOW_RESPONSE_MS })
const over = new AbortController()
const observations = createObservations()
const begunAt = Date.now()
const background: Promise<void>[] = clients.map((one) => keepSignedIn(one, observations, over.signal))
const calls = new Set<Promise<void>>()
let turn = 0
let warm: Gauge[] | undefined
print(`${rate} calls a second and ${streams} streams, for ${seconds} s …`)

while (Date.now() < begunAt + seconds * 1000) {
  const elapsed = Date.now() - begunAt
  // Streams are opened one after the other: the speed of connecting is not measured here.
  while (background.length - CLIENTS < Math.min(streams, elapsed / 10)) {
    background.push(keepStream(url, await pick(background.length), observations, over.signal))
  }
  while (turn < (elapsed * rate) / 1000) {
    const made = call(url, await pick(turn), turn, observations).finally(() => calls.delete(made))
    calls.add(made)
    turn += 1
    if (turn % (rate * 5) === 0) failSentry()
  }
  if (warm === undefined && elapsed > seconds * 1000 * WARM_UP) warm = await measure()
  await sleep(TICK_MS)
}
const end = await measure()
const duration = (Date.now() - begunAt) / 1000
const openStreams = observations.streams.open
over.abort()
await Promise.all([...calls, ...background])
const rest = await measure()

const result = { duration, rate, clients: CLIENTS, openStreams, observations, warm: warm ?? end, end, rest }
print(describeSoak(result))
const faults = findFaults(result)
print(faults.length === 0 ? 'No request failed, and nothing grew.' : faults.join('\n'))
if (process.argv.includes('--write') && faults.length === 0) writeReport(result)
process.exitCode = faults.length === 0 ? 0 : 1

/** Has Sentry refuse a few requests, with 429 and 502 by turns. */
function failSentry(): void {
  // The stand-in keeps every request, and nothing here reads them.
  sentry.requests.length = 0
  const isDown = (turn / (rate * 5)) % 2 === 0
  const fault = isDown ? { kind: 'status', status: 502 } : { kind: 'status', status: 429, retryAfter: 1 }
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
