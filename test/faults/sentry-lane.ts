import { setTimeout as sleep } from 'node:timers/promises'
import { type SentrySandbox, startSentry } from '../sandbox/sentry/server.ts'
import { registerClient, type TestClient, type Tokens } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { type Lifetime, useEmbeddedStore } from '../support/service.ts'
import { createSettings } from './cluster.ts'
import { createInstance, type Instance } from './instance.ts'
import type { Notes } from './journal.ts'

/** How long the service waits for Sentry, in ms: on an OAuth leg, and for a request of a tool. */
const OAUTH_LIMIT = 10_000
const TOOL_LIMIT = 30_000

/** What a busy machine may add, in ms. */
const MARGIN = 1_500

/** Seconds that Sentry's tokens of the short sign-in last, so that each use of it begins with a renewal. */
export const TOKEN_TTL = 1

/** An instance with a store and a Sentry of its own, and two sign-ins from before anything failed. */
export interface Lane {
  sentry: SentrySandbox
  instance: Instance
  client: TestClient
  /** Its tokens at Sentry have ended. */
  ended: Tokens
  /** Its tokens at Sentry are good for a long time. */
  lasting: Tokens
}

export async function openLane(t: Lifetime): Promise<Lane> {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const instance = await createInstance(t, useEmbeddedStore(t))
  Object.assign(instance.settings, createSettings(instance.url, sentry), { LOG_LEVEL: 'debug' })
  sentry.redirectUris.push(`${instance.url}/oauth/callback`)
  await instance.start()
  const client = await registerClient(instance.url)
  const lasting = await client.signIn()
  sentry.setAccessTokenTtl(TOKEN_TTL)
  const ended = await client.signIn()
  await sleep(TOKEN_TTL * 1000)
  return { sentry, instance, client, ended, lasting }
}

/** Something a client does for which Sentry is needed, and what came of it. */
export interface Leg {
  name: 'sign-in' | 'refresh' | 'call' | 'tool'
  status: number
  text: string
  retryAfter: string | null
  /** ms */
  took: number
}

/** Goes through a sign-in up to the way back from Sentry, and returns that. */
export async function reachCallback({ instance, client }: Lane): Promise<string> {
  const { redirectUris } = client.browser
  const callback = `${instance.url}/oauth/callback`
  redirectUris.push(callback)
  const { href } = await client.authorize()
  redirectUris.splice(redirectUris.indexOf(callback), 1)
  return href
}

/** Ends a sign-in, refreshes and calls with tokens that have ended, and runs a tool; all at once. */
export function tryLegs({ instance, client, ended, lasting }: Lane, callback: string): Promise<Leg[]> {
  const url = `${instance.url}/mcp`
  const whoami = { name: 'whoami', arguments: {} }
  return Promise.all([
    measure('sign-in', async () => {
      const arrival = await client.browser.open(callback)
      return arrival.kind === 'client' ? new Response(arrival.url.search) : new Response(arrival.page.html)
    }),
    measure('refresh', () => client.refresh(ended.refresh_token)),
    measure('call', () => postMcp(url, ended.access_token, 'tools/call', whoami)),
    measure('tool', () => postMcp(url, lasting.access_token, 'tools/call', whoami)),
  ])
}

async function measure(name: Leg['name'], send: () => Promise<Response>): Promise<Leg> {
  const startedAt = Date.now()
  const response = await send()
  const text = await response.text()
  const retryAfter = response.headers.get('retry-after')
  return { name, status: response.status, text, retryAfter, took: Date.now() - startedAt }
}

/** Each is told that this passes, in the form that it understands, within the time that it may take. */
export function checkLegs(legs: readonly Leg[], expect: Notes['expect']): void {
  for (const leg of legs) {
    const limit = (leg.name === 'tool' ? TOOL_LIMIT : OAUTH_LIMIT) + MARGIN
    expect(`${leg.name}: it is told that this passes`, isPassing(leg), leg)
    expect(`${leg.name}: in time`, leg.took <= limit, leg.took)
  }
}

function isPassing({ name, status, text, retryAfter }: Leg): boolean {
  if (name === 'sign-in') return new URLSearchParams(text).get('error') === 'temporarily_unavailable'
  if (name === 'tool') return status === 200 && /"isError":true/.test(text) && /Sentry/.test(text)
  return status === 503 && retryAfter !== null && text.includes('temporarily_unavailable')
}

/** What was there before is still good, and the process is the same. */
export async function checkRecovery(lane: Lane, expect: Notes['expect']): Promise<void> {
  const { instance, client, ended, lasting } = lane
  expect('the process goes on', instance.ending === undefined, instance.ending)
  for (const { access_token: token } of [ended, lasting]) {
    const call = await postMcp(`${instance.url}/mcp`, token, 'tools/call', { name: 'whoami', arguments: {} })
    const text = await call.text()
    expect('a call works again', text.includes('mara@tidewater.example'), [call.status, text])
  }
  const refreshed = await client.refresh(ended.refresh_token)
  const text = await refreshed.text()
  expect('the same refresh token works again', refreshed.status === 200, [refreshed.status, text])
  if (refreshed.status === 200) lane.ended = JSON.parse(text)
  await sleep(TOKEN_TTL * 1000)
}

/** No token of Sentry's is in the log, at its most verbose. */
export function checkSecrets({ instance, sentry }: Lane, expect: Notes['expect']): void {
  const spilt = instance.log.filter((line) => /sntry[ur]_/.test(line) || line.includes(sentry.clientSecret))
  expect('no secret is in the log', spilt.length === 0, spilt)
}

export function describeLegs(legs: readonly Leg[]): string {
  return legs.map(({ name, took }) => `${name} ${(took / 1000).toFixed(1)} s`).join(', ')
}
