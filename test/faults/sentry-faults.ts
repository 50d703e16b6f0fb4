import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../sandbox/sentry/faults.ts'
import { createCertificate } from '../support/certificate.ts'
import { findFreePort } from '../support/free-port.ts'
import { postMcp } from '../support/mcp.ts'
import type { Lifetime } from '../support/service.ts'
import type { Journal, Notes, Recorder } from './journal.ts'
import {
  checkLegs,
  checkRecovery,
  checkSecrets,
  describeLegs,
  type Lane,
  openLane,
  reachCallback,
  TOKEN_TTL,
  tryLegs,
} from './sentry-lane.ts'

/** What happens to every answer of Sentry. It has done nothing of what it was asked. */
const UNDONE: Record<string, Fault> = {
  'HTTP 500': { kind: 'status', status: 500 },
  'HTTP 502, a page': { kind: 'html', status: 502 },
  'HTTP 429': { kind: 'status', status: 429, retryAfter: 30 },
  'HTML with 200': { kind: 'html' },
  '50 MB': { kind: 'huge-body' },
  'A gzip bomb of 1 GB': { kind: 'gzip-bomb' },
  'A redirect loop': { kind: 'redirect-loop' },
  'A connection reset': { kind: 'reset' },
}

const KEPT = 'What the rules say'
const LOST =
  'The same. But Sentry has replaced its tokens and nobody has the new ones: once that is certain, the grant asks for sign-in (401)'

/** Sentry failing in every way, on the OAuth legs and in tool calls. What takes long happens side by side. */
export async function testSentryFaults(t: Lifetime, journal: Journal): Promise<void> {
  const chapter = journal.begin('Sentry')
  await Promise.all([
    testWays(t, chapter),
    testAnswers(t, chapter),
    testSilence(t, chapter),
    testDrip(t, chapter),
  ])
}

async function testAnswers(t: Lifetime, chapter: Recorder): Promise<void> {
  const lane = await openLane(t)
  for (const [name, fault] of Object.entries(UNDONE)) {
    await chapter.record(name, KEPT, (notes) => undergo(lane, fault, notes))
  }
  await chapter.record('Truncated JSON', LOST, (notes) => lose(lane, { kind: 'truncated' }, notes))
}

async function testSilence(t: Lifetime, chapter: Recorder): Promise<void> {
  const lane = await openLane(t)
  const silence: Fault = { kind: 'hang', ms: 31_000 }
  await chapter.record('Silence for 31 s', KEPT, (notes) => undergo(lane, silence, notes))
}

async function testDrip(t: Lifetime, chapter: Recorder): Promise<void> {
  const lane = await openLane(t)
  await chapter.record('One byte a second', LOST, (notes) => lose(lane, { kind: 'drip' }, notes))
}

/** What fails before there is a Sentry at all: the instance is started anew, with another address of it. */
async function testWays(t: Lifetime, chapter: Recorder): Promise<void> {
  const lane = await openLane(t)
  const stranger = createServer(await createCertificate(t, 'localhost')).listen(0, '127.0.0.1')
  t.teardown(() => void stranger.close())
  await once(stranger, 'listening')
  const { port } = stranger.address() as AddressInfo
  const ways: Record<string, Record<string, string>> = {
    'Connection refused': { SENTRY_HOST: `127.0.0.1:${await findFreePort()}` },
    'No such name (DNS)': { SENTRY_HOST: 'sentry.invalid' },
    'A certificate nobody vouches for': { SENTRY_HOST: `127.0.0.1:${port}`, SENTRY_PROTOCOL: 'https' },
  }
  const { instance } = lane
  const { settings } = instance
  for (const [name, way] of Object.entries(ways)) {
    await chapter.record(name, KEPT, async ({ expect }) => {
      const callback = await reachCallback(lane)
      await instance.end('SIGKILL')
      instance.settings = { ...settings, ...way }
      await instance.start()
      const legs = await tryLegs(lane, callback)
      await instance.end('SIGKILL')
      instance.settings = settings
      await instance.start()
      checkLegs(legs, expect)
      await checkRecovery(lane, expect)
      checkSecrets(lane, expect)
      return describeLegs(legs)
    })
  }
}

async function undergo(lane: Lane, fault: Fault, { expect }: Notes): Promise<string> {
  const legs = await failTogether(lane, fault)
  checkLegs(legs, expect)
  await checkRecovery(lane, expect)
  checkSecrets(lane, expect)
  return describeLegs(legs)
}

/** The same with answers that get lost on the way: what Sentry has replaced is gone, and is said to be. */
async function lose(lane: Lane, fault: Fault, { expect }: Notes): Promise<string> {
  const { instance, sentry, ended } = lane
  checkLegs(await failTogether(lane, fault), expect)
  const known = sentry.counters.refusedRefreshes
  const statuses: number[] = []
  for (let count = 0; count < 5; count += 1) {
    const response = await postMcp(`${instance.url}/mcp`, ended.access_token, 'tools/call', {
      name: 'whoami',
      arguments: {},
    })
    await response.body?.cancel()
    statuses.push(response.status)
  }
  const asked = sentry.counters.refusedRefreshes - known
  expect(
    'the grant asks for sign-in',
    statuses.every((status) => status === 401),
    statuses,
  )
  expect('Sentry is asked once, not again and again', asked === 1, asked)
  lane.ended = await lane.client.signIn()
  await sleep(TOKEN_TTL * 1000)
  await checkRecovery(lane, expect)
  checkSecrets(lane, expect)
  return `5 calls afterwards were 401, and Sentry was asked ${asked} time`
}

/** Every leg at once, with Sentry failing on all of them. */
async function failTogether(lane: Lane, fault: Fault) {
  const { sentry } = lane
  const callback = await reachCallback(lane)
  const heals = [sentry.fail('POST /oauth/token/', fault), sentry.fail('GET /api/0/', fault)]
  const legs = await tryLegs(lane, callback)
  for (const heal of heals) heal()
  return legs
}
