import { setTimeout as sleep } from 'node:timers/promises'
import { registerClient } from '../support/client.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { postMcp } from '../support/mcp.ts'
import { timeUntil } from '../support/wait-until.ts'
import { type Deployment, startDeployment } from './deployment.ts'
import type { Check, Results } from './results.ts'

const CALLS = 100

/** Until the renewed tokens are stored: the dead connection has to be noticed first. */
const COMMIT_TIMEOUT_MS = 4_000

/** Until the lock of an instance that died during a renewal expires, with a margin for a busy machine. */
const LOCK_TIMEOUT_MS = 35_000

/** Sentry's tokens expiring while instances and Redis fail. */
export async function testRenewals(t: Lifetime, results: Results): Promise<void> {
  const section = results.addSection('Renewing Sentry’s tokens')
  const deployment = await startDeployment(t)
  await section.record(
    `Sentry refuses its token in ${CALLS} calls at once, over two instances`,
    'The results of the tools: there is one renewal, and every call is repeated with the new token',
    (check) => refuseAll(deployment, check),
  )
  await section.record(
    'Redis fails between Sentry’s response and the commit, and recovers',
    '503 meanwhile, and no sign-in: the tokens are stored as soon as Redis is back',
    (check) => loseStore(deployment, check),
  )
  await section.record(
    'SIGKILL between Sentry’s response and the commit',
    'A tool error in plain words while another renewal may be in progress, then 401: the user signs in again',
    (check) => crash(deployment, check),
  )
}

/** A sign-in whose token Sentry has expired without notice. */
async function signInAndExpire({ url, sentry }: Deployment) {
  const client = await registerClient(url)
  const tokens = await client.signIn()
  const whoami = (at: string) =>
    postMcp(`${at}/mcp`, tokens.access_token, 'tools/call', { name: 'whoami', arguments: {} })
  await (await whoami(url)).text()
  sentry.expireToken(sentry.requests.findLast(({ token }) => token !== undefined)?.token ?? '')
  return { client, whoami }
}

async function refuseAll(deployment: Deployment, check: Check): Promise<string> {
  const { instances, sentry } = deployment
  const { whoami } = await signInAndExpire(deployment)
  const known = sentry.counters.refreshes
  const texts = await Promise.all(
    Array.from({ length: CALLS }, async (_, turn) => {
      const response = await whoami(instances[turn % 2 === 0 ? 0 : 1].url)
      return `${response.status} ${await response.text()}`
    }),
  )
  const failed = texts.filter((text) => !text.includes('mara@tidewater.example'))
  const renewals = sentry.counters.refreshes - known
  check('every call succeeds', failed.length === 0, failed.slice(0, 3))
  check('there is exactly one renewal', renewals === 1, renewals)
  return `${CALLS - failed.length} of ${CALLS} calls succeeded, ${renewals} renewal`
}

/** Cuts off Redis while Sentry handles a renewal. Resolves when Sentry has responded. */
async function renewWithoutStore({ relay, sentry }: Deployment, call: () => Promise<Response>) {
  const known = sentry.counters.refreshes
  sentry.fail('POST /oauth/token/', { kind: 'hang', ms: 500 }, 1)
  const asked = sentry.requests.length
  const outcome = call().then(
    async (response) => `${response.status} ${await response.text()}`,
    (error: unknown) => String(error),
  )
  await timeUntil(() => sentry.requests.slice(asked).some(({ path }) => path === '/oauth/token/'))
  relay.isCut = true
  await timeUntil(() => sentry.counters.refreshes > known)
  return { outcome }
}

async function loseStore(deployment: Deployment, check: Check): Promise<string> {
  const { instances, relay, sentry } = deployment
  const [one, other] = instances
  const { whoami } = await signInAndExpire(deployment)
  const known = sentry.counters.refreshes
  const { outcome } = await renewWithoutStore(deployment, () => whoami(one.url))
  check(
    'the waiting call gets a temporary error',
    /Try again|temporarily/i.test(await outcome),
    await outcome,
  )
  relay.isCut = false
  const restoredAt = Date.now()
  let last = ''
  await timeUntil(async () => {
    const response = await whoami(other.url)
    last = `${response.status} ${await response.text()}`
    check('no call gets 401', response.status !== 401, last)
    return last.includes('mara@tidewater.example')
  })
  const after = Date.now() - restoredAt
  const renewals = sentry.counters.refreshes - known
  check('the other instance has the tokens', last.includes('mara@tidewater.example'), last)
  check('they are stored in time', after <= COMMIT_TIMEOUT_MS, after)
  check('there is one renewal', renewals === 1 && sentry.counters.refusedRefreshes === 0, sentry.counters)
  return `the other instance served it ${after} ms after Redis recovered; ${renewals} renewal`
}

async function crash(deployment: Deployment, check: Check): Promise<string> {
  const { instances, relay, sentry, url } = deployment
  const [one, other] = instances
  const { client, whoami } = await signInAndExpire(deployment)
  const { outcome } = await renewWithoutStore(deployment, () => whoami(one.url))
  await one.end('SIGKILL')
  await outcome
  relay.isCut = false
  const killedAt = Date.now()
  const known = sentry.counters.refusedRefreshes
  const statuses = new Set<number>()
  const isOver = await timeUntil(async () => {
    const response = await whoami(other.url)
    await response.text()
    statuses.add(response.status)
    await sleep(100)
    return response.status === 401
  }, LOCK_TIMEOUT_MS)
  const after = Date.now() - killedAt
  check('the grant asks for sign-in', isOver !== undefined, [...statuses])
  for (let count = 0; count < 5; count += 1) {
    check('and still asks for it', (await whoami(other.url)).status === 401)
  }
  const asked = sentry.counters.refusedRefreshes - known
  check('Sentry gets one request for a renewal', asked === 1, asked)
  await one.start()
  const tokens = await client.signIn()
  const again = await postMcp(`${url}/mcp`, tokens.access_token, 'tools/list')
  check('the user signs in again', again.status === 200, again.status)
  return `401 after ${(after / 1000).toFixed(1)} s, Sentry got ${asked} request; signed in again`
}
