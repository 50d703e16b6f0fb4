import { setTimeout as sleep } from 'node:timers/promises'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import type { Lifetime } from '../support/service.ts'
import { type Cluster, startCluster } from './cluster.ts'
import type { Journal, Notes } from './journal.ts'
import { waitUntil } from './wait-until.ts'

const CALLS = 100

/** How long the tokens may take to be stored, in ms: a connection has to be found dead first. */
const COMMIT_LIMIT = 4_000

/** How long the right to renew stays with an instance that died with it, and what a busy machine adds; ms. */
const LOCK_LIMIT = 35_000

/** Sentry's tokens coming to their end while instances and Redis fail. */
export async function testRenewals(t: Lifetime, journal: Journal): Promise<void> {
  const chapter = journal.begin('Renewing Sentry’s tokens')
  const cluster = await startCluster(t)
  await chapter.record(
    `Sentry refuses its token in ${CALLS} calls at once, over two instances`,
    'The answers of the tools: one renewal is made, and every call is repeated with what it brought',
    (notes) => refuseAll(cluster, notes),
  )
  await chapter.record(
    'Redis goes away between Sentry’s answer and ours, and comes back',
    '503 meanwhile, and no sign-in: the tokens are stored as soon as Redis is back',
    (notes) => loseStore(cluster, notes),
  )
  await chapter.record(
    'SIGKILL between Sentry’s answer and our commit',
    'A tool error in words for as long as another renewal may be under way, then 401: the user signs in again',
    (notes) => crash(cluster, notes),
  )
}

/** A sign-in whose token Sentry has ended without a word. */
async function signInAndExpire({ url, sentry }: Cluster) {
  const client = await registerClient(url)
  const tokens = await client.signIn()
  const whoami = (at: string) =>
    postMcp(`${at}/mcp`, tokens.access_token, 'tools/call', { name: 'whoami', arguments: {} })
  await (await whoami(url)).text()
  sentry.expireToken(sentry.requests.findLast(({ token }) => token !== undefined)?.token ?? '')
  return { client, whoami }
}

async function refuseAll(cluster: Cluster, { expect }: Notes): Promise<string> {
  const { instances, sentry } = cluster
  const { whoami } = await signInAndExpire(cluster)
  const known = sentry.counters.refreshes
  const texts = await Promise.all(
    Array.from({ length: CALLS }, async (_, turn) => {
      const response = await whoami(instances[turn % 2 === 0 ? 0 : 1].url)
      return `${response.status} ${await response.text()}`
    }),
  )
  const failed = texts.filter((text) => !text.includes('mara@tidewater.example'))
  const renewals = sentry.counters.refreshes - known
  expect('every call succeeds', failed.length === 0, failed.slice(0, 3))
  expect('there is exactly one renewal', renewals === 1, renewals)
  return `${CALLS - failed.length} of ${CALLS} calls succeeded, ${renewals} renewal`
}

/** Takes Redis away while Sentry thinks about a renewal. Resolves when Sentry has answered. */
async function renewWithoutStore({ relay, sentry }: Cluster, call: () => Promise<Response>) {
  const known = sentry.counters.refreshes
  sentry.fail('POST /oauth/token/', { kind: 'hang', ms: 500 }, 1)
  const asked = sentry.requests.length
  const answer = call().then(
    async (response) => `${response.status} ${await response.text()}`,
    (error: unknown) => String(error),
  )
  await waitUntil(() => sentry.requests.slice(asked).some(({ path }) => path === '/oauth/token/'))
  relay.isCut = true
  await waitUntil(() => sentry.counters.refreshes > known)
  return { answer }
}

async function loseStore(cluster: Cluster, { expect }: Notes): Promise<string> {
  const { instances, relay, sentry } = cluster
  const [one, other] = instances
  const { whoami } = await signInAndExpire(cluster)
  const known = sentry.counters.refreshes
  const { answer } = await renewWithoutStore(cluster, () => whoami(one.url))
  expect(
    'the call that waited is told to try again',
    /Try again|temporarily/i.test(await answer),
    await answer,
  )
  relay.isCut = false
  const restoredAt = Date.now()
  let last = ''
  await waitUntil(async () => {
    const response = await whoami(other.url)
    last = `${response.status} ${await response.text()}`
    expect('nobody is signed out', response.status !== 401, last)
    return last.includes('mara@tidewater.example')
  })
  const after = Date.now() - restoredAt
  const renewals = sentry.counters.refreshes - known
  expect('the other instance has the tokens', last.includes('mara@tidewater.example'), last)
  expect('they are there in time', after <= COMMIT_LIMIT, after)
  expect(
    'nothing is renewed twice',
    renewals === 1 && sentry.counters.refusedRefreshes === 0,
    sentry.counters,
  )
  return `the other instance served it ${after} ms after Redis was back; ${renewals} renewal`
}

async function crash(cluster: Cluster, { expect }: Notes): Promise<string> {
  const { instances, relay, sentry, url } = cluster
  const [one, other] = instances
  const { client, whoami } = await signInAndExpire(cluster)
  const { answer } = await renewWithoutStore(cluster, () => whoami(one.url))
  await one.end('SIGKILL')
  await answer
  relay.isCut = false
  const killedAt = Date.now()
  const known = sentry.counters.refusedRefreshes
  const statuses = new Set<number>()
  const isOver = await waitUntil(async () => {
    const response = await whoami(other.url)
    await response.text()
    statuses.add(response.status)
    await sleep(100)
    return response.status === 401
  }, LOCK_LIMIT)
  const after = Date.now() - killedAt
  expect('the grant asks for sign-in', isOver !== undefined, [...statuses])
  for (let count = 0; count < 5; count += 1) {
    expect('and goes on to', (await whoami(other.url)).status === 401)
  }
  const asked = sentry.counters.refusedRefreshes - known
  expect('Sentry is asked once, not again and again', asked === 1, asked)
  await one.start()
  const tokens = await client.signIn()
  const again = await postMcp(`${url}/mcp`, tokens.access_token, 'tools/list')
  expect('the user signs in again', again.status === 200, again.status)
  return `401 after ${(after / 1000).toFixed(1)} s, Sentry was asked ${asked} time; signed in again`
}
