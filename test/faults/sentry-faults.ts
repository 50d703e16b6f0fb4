import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../sandbox/sentry/faults.ts'
import { createCertificate } from '../support/certificate.ts'
import { findFreePort } from '../support/free-port.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { postMcp } from '../support/mcp.ts'
import type { Check, FaultRecorder, Results } from './results.ts'
import {
  checkOperations,
  checkRecovery,
  checkSecrets,
  describeOperations,
  RETRY_AFTER_SECONDS,
  reachCallback,
  runOperations,
  type SentryFixture,
  startSentryFixture,
  TOKEN_TTL_SECONDS,
} from './sentry-fixture.ts'

/** Faults in which Sentry has not done what the request asked for. */
const WITHOUT_EFFECT: Record<string, Fault> = {
  'HTTP 500': { kind: 'status', status: 500 },
  'HTTP 502, a page': { kind: 'html', status: 502 },
  'HTTP 429': { kind: 'status', status: 429, retryAfter: RETRY_AFTER_SECONDS },
  'HTML with 200': { kind: 'html' },
  '50 MB': { kind: 'huge-body' },
  'A gzip bomb of 1 GB': { kind: 'gzip-bomb' },
  'A redirect loop': { kind: 'redirect-loop' },
  'A connection reset': { kind: 'reset' },
}

const KEPT = 'As in the rules'
const LOST =
  'The same. But Sentry has replaced its tokens and the new ones are lost: once that is certain, the grant asks for sign-in (401)'

/** Every fault of Sentry, in OAuth requests and in tool calls. What takes long runs side by side. */
export async function testSentryFaults(t: Lifetime, results: Results): Promise<void> {
  const section = results.addSection('Sentry')
  await Promise.all([
    testUnreachable(t, section),
    testResponses(t, section),
    testSilence(t, section),
    testDrip(t, section),
  ])
}

async function testResponses(t: Lifetime, section: FaultRecorder): Promise<void> {
  const fixture = await startSentryFixture(t)
  for (const [name, fault] of Object.entries(WITHOUT_EFFECT)) {
    await section.record(name, KEPT, (check) => testFault(fixture, fault, check))
  }
  await section.record('Truncated JSON', LOST, (check) =>
    testLostTokens(fixture, { kind: 'truncated' }, check),
  )
}

async function testSilence(t: Lifetime, section: FaultRecorder): Promise<void> {
  const fixture = await startSentryFixture(t)
  const silence: Fault = { kind: 'hang', ms: 31_000 }
  await section.record('Silence for 31 s', KEPT, (check) => testFault(fixture, silence, check))
}

async function testDrip(t: Lifetime, section: FaultRecorder): Promise<void> {
  const fixture = await startSentryFixture(t)
  await section.record('One byte a second', LOST, (check) => testLostTokens(fixture, { kind: 'drip' }, check))
}

/** Faults of the way to Sentry: the instance is restarted with another address of Sentry. */
async function testUnreachable(t: Lifetime, section: FaultRecorder): Promise<void> {
  const fixture = await startSentryFixture(t)
  const untrusted = createServer(await createCertificate(t, 'localhost')).listen(0, '127.0.0.1')
  t.teardown(() => void untrusted.close())
  await once(untrusted, 'listening')
  const { port } = untrusted.address() as AddressInfo
  const addresses: Record<string, Record<string, string>> = {
    'Connection refused': { SENTRY_HOST: `127.0.0.1:${await findFreePort()}` },
    'No such name (DNS)': { SENTRY_HOST: 'sentry.invalid' },
    'An untrusted certificate': { SENTRY_HOST: `127.0.0.1:${port}`, SENTRY_PROTOCOL: 'https' },
  }
  const { instance } = fixture
  const { settings } = instance
  for (const [name, address] of Object.entries(addresses)) {
    await section.record(name, KEPT, async (check) => {
      const callback = await reachCallback(fixture)
      await instance.end('SIGKILL')
      instance.settings = { ...settings, ...address }
      await instance.start()
      const operations = await runOperations(fixture, callback)
      await instance.end('SIGKILL')
      instance.settings = settings
      await instance.start()
      checkOperations(operations, check)
      await checkRecovery(fixture, check)
      checkSecrets(fixture, check)
      return describeOperations(operations)
    })
  }
}

async function testFault(fixture: SentryFixture, fault: Fault, check: Check): Promise<string> {
  const operations = await failTogether(fixture, fault)
  checkOperations(operations, check)
  await checkRecovery(fixture, check)
  checkSecrets(fixture, check)
  return describeOperations(operations)
}

/** A fault in which Sentry's response is lost after it has replaced its tokens: the grant asks for sign-in. */
async function testLostTokens(fixture: SentryFixture, fault: Fault, check: Check): Promise<string> {
  const { instance, sentry, expired } = fixture
  checkOperations(await failTogether(fixture, fault), check)
  const known = sentry.counters.refusedRefreshes
  const statuses: number[] = []
  for (let count = 0; count < 5; count += 1) {
    const response = await postMcp(`${instance.url}/mcp`, expired.access_token, 'tools/call', {
      name: 'whoami',
      arguments: {},
    })
    await response.body?.cancel()
    statuses.push(response.status)
  }
  const asked = sentry.counters.refusedRefreshes - known
  check(
    'the grant asks for sign-in',
    statuses.every((status) => status === 401),
    statuses,
  )
  check('Sentry gets one request for a renewal', asked === 1, asked)
  fixture.expired = await fixture.client.signIn()
  await sleep(TOKEN_TTL_SECONDS * 1000)
  await checkRecovery(fixture, check)
  checkSecrets(fixture, check)
  return `5 calls afterwards got 401, and Sentry ${asked} request`
}

/** Runs all operations at once while Sentry fails. */
async function failTogether(fixture: SentryFixture, fault: Fault) {
  const { sentry } = fixture
  const callback = await reachCallback(fixture)
  const stops = [sentry.fail('POST /oauth/token/', fault), sentry.fail('GET /api/0/', fault)]
  const operations = await runOperations(fixture, callback)
  for (const stop of stops) stop()
  return operations
}
