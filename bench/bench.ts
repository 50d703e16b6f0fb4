import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSentry } from '../test/sandbox/sentry/server.ts'
import { registerClient } from '../test/support/client.ts'
import { findFreePort } from '../test/support/free-port.ts'
import { createLifetime } from '../test/support/lifetime.ts'
import { startRedis } from '../test/support/redis.ts'
import { createListRequest, createWhoamiRequest, measureLatency, measureThroughput } from './load.ts'
import { canPin, startPinnedServer } from './pinned-server.ts'
import { formatTable, median } from './report.ts'
import { createBenchSettings } from './settings.ts'

/**
 * `npm run bench -- [rounds] [seconds]`: the cost of this service, with Redis and rate limits, beside the least that a
 * Fastify server can do and beside the SDK as its documentation shows it. Servers are pinned to one core and the load
 * to another; rounds alternate, so that other work on the machine affects all of them alike. Compare only the ratios.
 */
const ROUNDS = Number(process.argv[2] ?? 5)
const SECONDS = Number(process.argv[3] ?? 4)

await using closing = new AsyncDisposableStack()
const redis = await startRedis(createLifetime(closing))
const directory = mkdtempSync(join(tmpdir(), 'sentry-mcp-bench-'))
const sentry = await startSentry()
const port = await findFreePort()
const url = `http://localhost:${port}`
sentry.redirectUris.push(`${url}/oauth/callback`)

const service = await startPinnedServer('server.ts', port, {
  ...createBenchSettings(url, sentry, redis),
  HOST: 'localhost',
  SHUTDOWN_GRACE: '1',
  PORT: String(port),
  LOG_LEVEL: 'warn',
})

const { access_token: accessToken } = await (await registerClient(url)).signIn()
const list = createListRequest(`${url}/mcp`, accessToken)
const response = await fetch(list.url, list)
const body = join(directory, 'tools-list.json')
writeFileSync(body, Buffer.from(await response.arrayBuffer()))

const baselinePort = await findFreePort()
const baseline = await startPinnedServer('bench/baseline-server.ts', baselinePort, {
  PORT: String(baselinePort),
  BODY: body,
})
const sdkPort = await findFreePort()
const { accessToken: token } = sentry.issueTokens()
const sdk = await startPinnedServer('bench/sdk-server.ts', sdkPort, {
  PORT: String(sdkPort),
  SENTRY_HOST: sentry.host,
  SENTRY_TOKEN: token,
})

try {
  const servers = {
    'bare Fastify, the same bytes': createListRequest(`http://localhost:${baselinePort}/mcp`),
    'this service': list,
    'SDK as documented': createListRequest(`http://localhost:${sdkPort}/mcp`),
  }
  const rates = new Map<string, number[]>(Object.keys(servers).map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, request] of Object.entries(servers)) {
      rates.get(name)?.push(await measureThroughput(request, SECONDS))
    }
  }
  const baselineRate = median(rates.get('bare Fastify, the same bytes') ?? [])
  const sizes = `${Math.round(Number(response.headers.get('content-length') ?? 0) / 1024)} KB`
  print(`tools/list, ${sizes}, signed in, requests a second (medians of ${ROUNDS} rounds of ${SECONDS} s)`)
  print(
    formatTable(
      ['', 'median', 'least', 'most', 'of bare'],
      [...rates].map(([name, values]) => [
        name,
        median(values).toFixed(0),
        Math.min(...values).toFixed(0),
        Math.max(...values).toFixed(0),
        (median(values) / baselineRate).toFixed(2),
      ]),
    ),
  )

  const direct = {
    url: `${sentry.url}/api/0/auth/`,
    method: 'GET',
    headers: { authorization: `Bearer ${token}` },
  }
  const whoami = createWhoamiRequest(`${url}/mcp`, accessToken)
  const viaSdk = createWhoamiRequest(`http://localhost:${sdkPort}/mcp`)
  const times = {
    "Sentry's own response": direct,
    'whoami here': whoami,
    'whoami, SDK as documented': viaSdk,
  }
  const latencies = new Map<string, number[]>(Object.keys(times).map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, request] of Object.entries(times))
      latencies.get(name)?.push(await measureLatency(request))
  }
  const own = median(latencies.get("Sentry's own response") ?? [])
  print(`\nwhoami, one at a time, milliseconds (medians of ${ROUNDS} rounds)`)
  print(
    formatTable(
      ['', 'median', 'over Sentry'],
      [...latencies].map(([name, values]) => [
        name,
        median(values).toFixed(2),
        (median(values) - own).toFixed(2),
      ]),
    ),
  )
  print(
    canPin()
      ? ''
      : '\nNot pinned: this machine has no taskset, so the load shares its cores with the servers.',
  )
} finally {
  await Promise.all([service.end('SIGTERM'), baseline.end('SIGTERM'), sdk.end('SIGTERM'), sentry.close()])
  rmSync(directory, { recursive: true, force: true })
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
