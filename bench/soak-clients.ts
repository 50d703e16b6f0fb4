import { setTimeout as sleep } from 'node:timers/promises'
import { registerClient, type TestClient, type Tokens } from '../test/support/client.ts'
import { postMcp } from '../test/support/mcp.ts'

/** How a request ended that should have ended otherwise, and how often. */
export type Troubles = Map<string, number>

/** What clients saw in the time since it was begun. */
export interface Sight {
  /** ms from sending a call until all of its answer was there. */
  times: number[]
  /** Calls that were answered by the tool's own words about Sentry's trouble. */
  toolErrors: number
  streams: { ended: number; open: number; heartbeats: number }
  refreshes: number
  troubles: Troubles
}

export interface SoakClient {
  client: TestClient
  tokens: Tokens
}

/** The tool whose answer takes long, and where it asks Sentry. */
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

/** At most so many sign-ins at once. */
const SIGN_INS = 8

export function createSight(): Sight {
  return {
    times: [],
    toolErrors: 0,
    streams: { ended: 0, open: 0, heartbeats: 0 },
    refreshes: 0,
    troubles: new Map(),
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

/** Calls a tool or lists them. Whatever is wrong with the answer is noted. */
export async function call(url: string, { tokens }: SoakClient, turn: number, sight: Sight): Promise<void> {
  const { method, params } = CALLS[turn % CALLS.length] ?? { method: 'ping', params: {} }
  const startedAt = performance.now()
  await noteTroubles(sight, method, async () => {
    const response = await postMcp(`${url}/mcp`, tokens.access_token, method, params)
    const body = await response.text()
    sight.times.push(performance.now() - startedAt)
    if (response.status !== 200 || !body.includes('"result"'))
      throw new Error(`${response.status} ${body.slice(0, 100)}`)
    if (body.includes('"isError":true')) sight.toolErrors += 1
  })
}

/** Keeps one answer on its way until `signal` ends: a stream with signs of life, and then the next one. */
export async function keepStream(
  url: string,
  one: SoakClient,
  sight: Sight,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    sight.streams.open += 1
    await noteTroubles(sight, 'stream', async () => {
      const response = await postMcp(`${url}/mcp`, one.tokens.access_token, 'tools/call', SLOW.tool)
      if (response.status !== 200)
        throw new Error(`${response.status} ${(await response.text()).slice(0, 100)}`)
      const body = await response.text()
      sight.streams.heartbeats += body.split(': working').length - 1
      if (!body.includes('data: {') || !body.includes('"result"')) throw new Error('ended without its answer')
      sight.streams.ended += 1
    })
    sight.streams.open -= 1
  }
}

/** Refreshes the tokens of a client again and again, well before they end. */
export async function keepSignedIn(one: SoakClient, sight: Sight, signal: AbortSignal): Promise<void> {
  // Spread over the time, as clients are.
  let wait = Math.random() * one.tokens.expires_in * 500
  while (!signal.aborted) {
    await sleep(wait, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    await noteTroubles(sight, 'refresh', async () => {
      const response = await one.client.refresh(one.tokens.refresh_token)
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
      one.tokens = (await response.json()) as Tokens
      sight.refreshes += 1
    })
    wait = one.tokens.expires_in * 600
  }
}

async function noteTroubles({ troubles }: Sight, kind: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { code?: string; message?: string } }
    const trouble = [kind, message, cause?.code ?? cause?.message].filter(Boolean).join(': ')
    troubles.set(trouble, (troubles.get(trouble) ?? 0) + 1)
  }
}
