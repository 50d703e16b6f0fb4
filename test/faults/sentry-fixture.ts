import { setTimeout as sleep } from 'node:timers/promises'
import { type SentrySandbox, startSentry } from '../sandbox/sentry/server.ts'
import { registerClient, type TestClient, type Tokens } from '../support/client.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { postMcp } from '../support/mcp.ts'
import { useEmbeddedStore } from '../support/service.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'
import { createFaultSettings } from './deployment.ts'
import type { Check } from './results.ts'

/** The service's timeouts for Sentry: for OAuth requests, and for requests of tools. */
const OAUTH_TIMEOUT_MS = 10_000
const TOOL_TIMEOUT_MS = 30_000

/** A busy machine's margin. */
const MARGIN_MS = 1_500

/** The lifetime of Sentry's tokens in the short sign-in, so that each use of it begins with a renewal. */
export const TOKEN_TTL_SECONDS = 1

/** An instance with its own store and Sentry, and two sign-ins from before the fault. */
export interface SentryFixture {
  sentry: SentrySandbox
  instance: ServiceProcess
  client: TestClient
  /** Its tokens at Sentry have expired. */
  expired: Tokens
  /** Its tokens at Sentry last long. */
  lasting: Tokens
}

export async function startSentryFixture(t: Lifetime): Promise<SentryFixture> {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const store = useEmbeddedStore(t)
  const instance = await startServiceProcess(t, (url) => ({
    ...createFaultSettings(url, sentry),
    ...store,
    LOG_LEVEL: 'debug',
  }))
  sentry.redirectUris.push(`${instance.url}/oauth/callback`)
  const client = await registerClient(instance.url)
  const lasting = await client.signIn()
  sentry.setAccessTokenTtl(TOKEN_TTL_SECONDS)
  const expired = await client.signIn()
  await sleep(TOKEN_TTL_SECONDS * 1000)
  return { sentry, instance, client, expired, lasting }
}

/** Something a client does for which the service needs Sentry, and its response. */
export interface Operation {
  name: 'sign-in' | 'refresh' | 'call' | 'tool'
  status: number
  text: string
  retryAfter: string | null
  tookMs: number
}

/** Goes through a sign-in up to Sentry's redirect, and returns the URL of that. */
export async function reachCallback({ instance, client }: SentryFixture): Promise<string> {
  const { redirectUris } = client.browser
  const callback = `${instance.url}/oauth/callback`
  redirectUris.push(callback)
  const { href } = await client.authorize()
  redirectUris.splice(redirectUris.indexOf(callback), 1)
  return href
}

/** Completes a sign-in, refreshes and calls with expired tokens, and calls a tool, all at once. */
export function runOperations(
  { instance, client, expired, lasting }: SentryFixture,
  callback: string,
): Promise<Operation[]> {
  const url = `${instance.url}/mcp`
  const whoami = { name: 'whoami', arguments: {} }
  return Promise.all([
    measure('sign-in', async () => {
      const arrival = await client.browser.open(callback)
      return arrival.kind === 'client' ? new Response(arrival.url.search) : new Response(arrival.page.html)
    }),
    measure('refresh', () => client.refresh(expired.refresh_token)),
    measure('call', () => postMcp(url, expired.access_token, 'tools/call', whoami)),
    measure('tool', () => postMcp(url, lasting.access_token, 'tools/call', whoami)),
  ])
}

async function measure(name: Operation['name'], send: () => Promise<Response>): Promise<Operation> {
  const startedAt = Date.now()
  const response = await send()
  const text = await response.text()
  const retryAfter = response.headers.get('retry-after')
  return { name, status: response.status, text, retryAfter, tookMs: Date.now() - startedAt }
}

/** Each operation gets a temporary error, in the format of its endpoint, in time. */
export function checkOperations(operations: readonly Operation[], check: Check): void {
  for (const operation of operations) {
    const limit = (operation.name === 'tool' ? TOOL_TIMEOUT_MS : OAUTH_TIMEOUT_MS) + MARGIN_MS
    check(`${operation.name}: it gets a temporary error`, isTemporary(operation), operation)
    check(`${operation.name}: in time`, operation.tookMs <= limit, operation.tookMs)
  }
}

function isTemporary({ name, status, text, retryAfter }: Operation): boolean {
  if (name === 'sign-in') return new URLSearchParams(text).get('error') === 'temporarily_unavailable'
  if (name === 'tool') return status === 200 && /"isError":true/.test(text) && /Sentry/.test(text)
  return status === 503 && retryAfter !== null && text.includes('temporarily_unavailable')
}

/** How long Sentry asks to be left alone by its 429. */
export const RETRY_AFTER_SECONDS = 1

/** The grants from before the fault are valid, and the process has not exited. */
export async function checkRecovery(fixture: SentryFixture, check: Check): Promise<void> {
  const { instance, client, expired, lasting } = fixture
  check('the process has not exited', instance.ending === undefined, instance.ending)
  for (const { access_token: token } of [expired, lasting]) {
    const params = { name: 'whoami', arguments: {} }
    let call = await postMcp(`${instance.url}/mcp`, token, 'tools/call', params)
    let text = await call.text()
    if (text.includes('HTTP 429')) {
      // Until then the service asks nothing of Sentry for this grant.
      await sleep(RETRY_AFTER_SECONDS * 1000 + 200)
      call = await postMcp(`${instance.url}/mcp`, token, 'tools/call', params)
      text = await call.text()
    }
    check('a call works again', text.includes('mara@tidewater.example'), [call.status, text])
  }
  const refreshed = await client.refresh(expired.refresh_token)
  const text = await refreshed.text()
  check('the same refresh token works again', refreshed.status === 200, [refreshed.status, text])
  if (refreshed.status === 200) fixture.expired = JSON.parse(text)
  await sleep(TOKEN_TTL_SECONDS * 1000)
}

/** No secret of Sentry is in the log, at its most verbose level. */
export function checkSecrets({ instance, sentry }: SentryFixture, check: Check): void {
  const spilt = instance.log.filter((line) => /sntry[ur]_/.test(line) || line.includes(sentry.clientSecret))
  check('no secret is in the log', spilt.length === 0, spilt)
}

export function describeOperations(operations: readonly Operation[]): string {
  return operations.map(({ name, tookMs }) => `${name} ${(tookMs / 1000).toFixed(1)} s`).join(', ')
}
