import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'
import { createAuthorizationEndpoints } from './authorization-endpoints.ts'
import { createDocumentEndpoints } from './document-endpoints.ts'
import type { Endpoint } from './endpoint.ts'
import { type Fixture, startFixture } from './fixture.ts'
import { createMcpEndpoints } from './mcp-endpoints.ts'
import { assertAnyResponse, expect } from './response-rules.ts'
import { createTokenEndpoints } from './token-endpoints.ts'

export interface Run {
  /** How many inputs each endpoint gets. */
  count: number
  seed: number
  /** The longest time that 99 of 100 responses may take. */
  limitMs: number
}

/** For one input. */
const INPUT_TIMEOUT_MS = 10_000

/** A run of `FUZZ_COUNT` inputs an endpoint, all of which follow from `FUZZ_SEED`. */
export function readRun({ FUZZ_COUNT = '6000', FUZZ_SEED }: NodeJS.ProcessEnv): Run {
  return { count: Number(FUZZ_COUNT), seed: Number(FUZZ_SEED ?? randomInt(2 ** 31)), limitMs: 1_000 }
}

/** Endpoints that are tested together. */
export const GROUPS = {
  authorization: (fixture: Fixture) => createAuthorizationEndpoints(fixture),
  tokens: (fixture: Fixture) => createTokenEndpoints(fixture),
  documents: (fixture: Fixture) => createDocumentEndpoints(fixture),
  mcp: (fixture: Fixture) => createMcpEndpoints(fixture),
}

/** Sends malformed input to the endpoints of a group, and checks the responses and their times. */
export async function runInputs(t: Test, group: keyof typeof GROUPS, run: Run): Promise<void> {
  const fixture = await startFixture(t)
  for (const endpoint of await GROUPS[group](fixture)) {
    await t.test(`${endpoint.name}: ${run.count} inputs`, (t) => runEndpoint(t, fixture, endpoint, run))
  }
}

async function runEndpoint(
  t: Test,
  { app }: Fixture,
  endpoint: Endpoint,
  { count, seed, limitMs }: Run,
): Promise<void> {
  const times: number[] = []
  const statuses = new Map<number, number>()
  const property = fc.asyncProperty(endpoint.inputs, async (input) => {
    const request = await endpoint.prepare(input)
    const startedAt = performance.now()
    const response = await app.inject(request)
    times.push(performance.now() - startedAt)
    statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1)
    assertAnyResponse(response, endpoint.mayBeUnavailable?.(input, request) ?? false)
    await endpoint.assertRules(response, request, input)
  })
  const settings = {
    numRuns: count,
    seed,
    timeout: INPUT_TIMEOUT_MS,
    interruptAfterTimeLimit: 200_000,
    markInterruptAsFailure: true,
  }
  const result = await fc.check(property, settings)
  t.notOk(result.failed, 'every response follows the rules of its endpoint')
  if (result.failed) {
    const { message } = result.errorInstance as Error
    t.fail(`${message}
${fc.defaultReportMessage(result)}
To repeat it: FUZZ_SEED=${seed}`)
  }

  const sorted = times.toSorted((left, right) => left - right)
  const [p50, p99] = [0.5, 0.99].map((part) => sorted[Math.floor(sorted.length * part)] ?? 0)
  const counts = [...statuses].toSorted().map(([status, times]) => `${status}: ${times}`)
  t.comment(`seed ${seed}, p50 ${p50?.toFixed(1)} ms, p99 ${p99?.toFixed(1)} ms, ${counts.join(', ')}`)
  t.ok((p99 ?? 0) < limitMs, `99 of 100 responses take at most ${limitMs} ms`)
  const good = [...statuses].reduce((sum, [status, times]) => sum + (status < 400 ? times : 0), 0)
  t.ok(good > count / 50 && good < count * 0.98, 'some inputs are valid and some are not')
  const health = await app.inject({ url: '/health/ready' })
  expect(health.statusCode === 200, 'the service is still ready', health)
}
