import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'
import { createAuthorizationEndpoints } from './authorization-endpoints.ts'
import { createDocumentEndpoints } from './document-endpoints.ts'
import type { Endpoint } from './endpoint.ts'
import { type Scene, startScene } from './fixture.ts'
import { createMcpEndpoints } from './mcp-endpoints.ts'
import { checkAnyAnswer, expect } from './response-rules.ts'
import { createTokenEndpoints } from './token-endpoints.ts'

export interface Run {
  /** How many inputs each endpoint gets. */
  count: number
  seed: number
  /** The longest time that 99 of 100 answers may take, in ms. */
  limit: number
}

/** For one input, in ms. */
const PATIENCE = 10_000

/** A run of `FUZZ_COUNT` inputs an endpoint, all of which follow from `FUZZ_SEED`. */
export function readRun({ FUZZ_COUNT = '20000', FUZZ_SEED }: NodeJS.ProcessEnv): Run {
  return { count: Number(FUZZ_COUNT), seed: Number(FUZZ_SEED ?? randomInt(2 ** 31)), limit: 1_000 }
}

/** What is asked for nonsense together. */
export const GROUPS = {
  authorization: (scene: Scene) => createAuthorizationEndpoints(scene),
  tokens: (scene: Scene) => createTokenEndpoints(scene),
  documents: (scene: Scene) => createDocumentEndpoints(scene),
  mcp: (scene: Scene) => createMcpEndpoints(scene),
}

/** Asks the endpoints of a group for nonsense, and says for each how it bore that. */
export async function runInputs(t: Test, group: keyof typeof GROUPS, run: Run): Promise<void> {
  const scene = await startScene(t)
  for (const endpoint of await GROUPS[group](scene)) {
    await t.test(`${endpoint.name}: ${run.count} inputs`, (t) => runEndpoint(t, scene, endpoint, run))
  }
}

async function runEndpoint(
  t: Test,
  { app }: Scene,
  endpoint: Endpoint,
  { count, seed, limit }: Run,
): Promise<void> {
  const times: number[] = []
  const statuses = new Map<number, number>()
  const property = fc.asyncProperty(endpoint.inputs, async (input) => {
    const request = await endpoint.prepare(input)
    const startedAt = performance.now()
    const answer = await app.inject(request)
    times.push(performance.now() - startedAt)
    statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1)
    checkAnyAnswer(answer, endpoint.mayBeAway?.(input, request) ?? false)
    await endpoint.check(answer, request, input)
  })
  const settings = {
    numRuns: count,
    seed,
    timeout: PATIENCE,
    interruptAfterTimeLimit: 200_000,
    markInterruptAsFailure: true,
  }
  const result = await fc.check(property, settings)
  t.notOk(result.failed, 'every answer keeps the rules of its endpoint')
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
  t.ok((p99 ?? 0) < limit, `99 of 100 answers come within ${limit} ms`)
  const good = [...statuses].reduce((sum, [status, times]) => sum + (status < 400 ? times : 0), 0)
  t.ok(good > count / 50 && good < count * 0.98, 'some inputs are good and some are not')
  const health = await app.inject({ url: '/health/ready' })
  expect(health.statusCode === 200, 'the service is ready as before', health)
}
