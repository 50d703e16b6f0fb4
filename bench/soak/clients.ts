import { setTimeout as sleep } from 'node:timers/promises'
import { registerClient, type TestClient, type Tokens } from '../../test/support/client.ts'
import { postMcp } from '../../test/support/mcp.ts'

/** How requests failed, and how often each failure happened. */
export type Failures = Map<string, number>

/** What clients have observed. */
export interface Observations {
  /** From sending a call until its response was complete, in ms. */
  times: number[]
  /** Calls whose result was a tool error, because Sentry failed. */
  toolErrors: number
  streams: { ended: number; open: number; heartbeats: number }
  refreshes: number
  failures: Failures
}

export interface SoakClient {
  client: TestClient
  tokens: Tokens
}

/** A tool that is made slow, and the request of Sentry that it waits for. */
export const SLOW = {
  tool: { name: 'find_teams', arguments: { organizationSlug: 'tidewater-books' } },
  path: 'GET /api/0/organizations/tidewater-books/teams/',
}

const CALLS = [
  { method: 'tools/call', params: { name: 'whoami', arguments: {} } },
  { method: 'tools/list', params: {} },
  { method: 'tools/call', params: { name: 'find_organizations', arguments: {} } },
  {
    method: 'tools/call',
    params: { name: 'find_projects', arguments: { organizationSlug: 'tidewater-books' } },
  },
]

/** Sign-ins at once. */
const SIGN_INS = 8

export function createObservations(): Observations {
  return {
    times: [],
    toolErrors: 0,
    streams: { ended: 0, open: 0, heartbeats: 0 },
    refreshes: 0,
    failures: new Map(),
  }
}

/** Signs clients in, each with a redirect URI and so an id of its own. */
export async function signInClients(url: string, count: number): Promise<SoakClient[]> {
  const clients: SoakClient[] = []
  let next = 0
  async function work(): Promise<void> {
    while (next < count) {
      next += 1
      const client = await registerClient(url, `http://127.0.0.1:${40_000 + next}/callback`)
      clients.push({ client, tokens: await client.signIn() })
    }
  }
  await Promise.all(Array.from({ length: SIGN_INS }, work))
  return clients
}

/** Calls a tool or lists them, and records the time or the failure. */
export async function call(
  url: string,
  { tokens }: SoakClient,
  turn: number,
  observations: Observations,
): Promise<void> {
  const { method, params } = CALLS[turn % CALLS.length] ?? { method: 'ping', params: {} }
  const startedAt = performance.now()
  await recordFailure(observations, method, async () => {
    const response = await postMcp(`${url}/mcp`, tokens.access_token, method, params)
    const body = await response.text()
    observations.times.push(performance.now() - startedAt)
    if (response.status !== 200 || !body.includes('"result"'))
      throw new Error(`${response.status} ${body.slice(0, 100)}`)
    if (body.includes('"isError":true')) observations.toolErrors += 1
  })
}

/** Keeps one stream open until `signal` aborts: when a call has ended, the next one begins. */
export async function keepStream(
  url: string,
  one: SoakClient,
  observations: Observations,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    observations.streams.open += 1
    await recordFailure(observations, 'stream', async () => {
      const response = await postMcp(`${url}/mcp`, one.tokens.access_token, 'tools/call', SLOW.tool)
      if (response.status !== 200)
        throw new Error(`${response.status} ${(await response.text()).slice(0, 100)}`)
      const body = await response.text()
      observations.streams.heartbeats += body.split(': working').length - 1
      if (!body.includes('data: {') || !body.includes('"result"'))
        throw new Error('ended without its response')
      observations.streams.ended += 1
    })
    observations.streams.open -= 1
  }
}

/** Refreshes the tokens of a client until `signal` aborts, each time well before they expire. */
export async function keepSignedIn(
  one: SoakClient,
  observations: Observations,
  signal: AbortSignal,
): Promise<void> {
  // A random start spreads the refreshes of all clients over time.
  let wait = Math.random() * one.tokens.expires_in * 500
  while (!signal.aborted) {
    await sleep(wait, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    await recordFailure(observations, 'refresh', async () => {
      const response = await one.client.refresh(one.tokens.refresh_token)
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
      one.tokens = (await response.json()) as Tokens
      observations.refreshes += 1
    })
    wait = one.tokens.expires_in * 600
  }
}

async function recordFailure(
  { failures }: Observations,
  kind: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { code?: string; message?: string } }
    const failure = [kind, message, cause?.code ?? cause?.message].filter(Boolean).join(': ')
    failures.set(failure, (failures.get(failure) ?? 0) + 1)
  }
}
