import { registerClient } from '../../test/support/client.ts'
import { type BenchRequest, createListRequest, createMcpRequest, measureLoad } from '../load.ts'
import { median } from '../report.ts'
import type { Results } from '../results.ts'
import { alternate } from '../rounds.ts'
import type { ServerProcess } from '../server-process.ts'
import type { Contender } from '../servers.ts'

const ROUNDS = 3
const SECONDS = 1

/** Clients that refresh at the same time, and how often each of them does in a round. */
const CLIENTS = 16
const REFRESHES = 25

/** So few in all rounds that no grant of the user is revoked for being one too many. */
const SIGN_INS = 30

/** CPU time of each kind of request that a client sends beside its calls. */
export async function measureMethods({ server, token }: Contender): Promise<Results['methods']> {
  const measure = (request: BenchRequest) => () => measureLoad(server, request, { seconds: SECONDS })
  const clientInfo = { name: 'bench', version: '1.0.0' }
  const initialize = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  const requests = await alternate(ROUNDS, {
    initialize: measure(createMcpRequest(token, 'initialize', initialize)),
    ping: measure(createMcpRequest(token, 'ping')),
    notification: measure(createMcpRequest(token, 'notifications/initialized')),
    refused: measure({ ...createListRequest(), status: 401 }),
  })
  return {
    cpuMs: {
      initialize: requests.initialize.cpuMs,
      ping: requests.ping.cpuMs,
      notification: requests.notification.cpuMs,
      refused: requests.refused.cpuMs,
      signIn: await measureSignIns(server),
      refresh: await measureRefreshes(server),
    },
  }
}

/** From the registration of a client to its first access token: five requests to the service. */
function measureSignIns(server: ServerProcess): Promise<number> {
  let port = 40_000
  return measureRounds(server, SIGN_INS, async () => {
    for (let count = 0; count < SIGN_INS; count += 1) {
      // Each client has a redirect URI, and so an id, of its own.
      const client = await registerClient(server.url, `http://127.0.0.1:${port++}/callback`)
      await client.signIn()
    }
  })
}

async function measureRefreshes(server: ServerProcess): Promise<number> {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = await registerClient(server.url)
      return { client, tokens: await client.signIn() }
    }),
  )
  return measureRounds(server, CLIENTS * REFRESHES, async () => {
    const refreshing = clients.map(async (one) => {
      for (let count = 0; count < REFRESHES; count += 1) {
        const response = await one.client.refresh(one.tokens.refresh_token)
        if (response.status !== 200) throw new Error(`A refresh failed: ${await response.text()}`)
        one.tokens = (await response.json()) as typeof one.tokens
      }
    })
    await Promise.all(refreshing)
  })
}

/** CPU time of one of `count` requests that `send` makes: the median of some rounds after a warm-up. */
async function measureRounds(
  server: ServerProcess,
  count: number,
  send: () => Promise<void>,
): Promise<number> {
  await send()
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = server.readCpuMs()
    await send()
    rounds.push((server.readCpuMs() - before) / count)
  }
  return median(rounds)
}
