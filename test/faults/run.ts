/**
 * The second half of `npm run test:faults`: injects faults around real processes of the service, checks the rules of
 * docs/reliability.md, and measures. Exits with 1 when a rule is broken. With `--write` it writes that page when no rule
 * is broken; arguments select parts by name. The `*.check.ts` beside it, which tap runs, test faults of Redis Cluster
 * and Sentinel and write nothing.
 */
import { writeFile } from 'node:fs/promises'
import type { Lifetime } from '../support/lifetime.ts'
import { createLifetime } from '../support/lifetime.ts'
import { testEmbeddedStore } from './embedded.ts'
import { testRedisFaults } from './redis-faults.ts'
import { testRenewals } from './renewals.ts'
import { renderReport } from './report.ts'
import { createResults, type Results } from './results.ts'
import { testSentryFaults } from './sentry-faults.ts'
import { testSpreadSignIn } from './spread-sign-in.ts'
import { testStopping } from './stopping.ts'

type Part = (t: Lifetime, results: Results) => Promise<void>

/** One after the other; parts in one object mostly wait, and run side by side. */
const PARTS: Record<string, Part>[] = [
  { 'sign-in': testSpreadSignIn },
  { stopping: testStopping },
  { redis: testRedisFaults },
  { renewals: testRenewals, sentry: testSentryFaults },
  { embedded: testEmbeddedStore },
]

const REPORT = new URL('../../docs/reliability.md', import.meta.url)

/** For all parts together. */
const RUN_TIMEOUT_MS = 590_000

setTimeout(() => {
  process.stdout.write(`Not finished within ${RUN_TIMEOUT_MS / 1000} s.\n`)
  process.exit(1)
}, RUN_TIMEOUT_MS).unref()

const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const results = createResults((line) => process.stdout.write(line))
for (const parts of PARTS) {
  const wanted = Object.entries(parts).filter(([name]) => chosen.length === 0 || chosen.includes(name))
  await using closing = new AsyncDisposableStack()
  await Promise.all(wanted.map(([name, part]) => run(name, part, createLifetime(closing))))
}
const broken = results.sections.flatMap((section) => section.results.flatMap((result) => result.broken))
// The page describes a whole run without a broken rule, or nothing.
if (process.argv.includes('--write') && chosen.length === 0 && broken.length === 0) {
  await writeFile(REPORT, renderReport(results.sections))
}
process.stdout.write(broken.length === 0 ? 'No rule was broken.\n' : `${broken.length} rules were broken.\n`)
process.exit(broken.length === 0 ? 0 : 1)

/** An error during set-up is recorded as a broken rule: the run has proved nothing. */
async function run(name: string, part: Part, lifetime: Lifetime): Promise<void> {
  await part(lifetime, results).catch((error: unknown) =>
    results.addSection(name).record('set-up', '', () => Promise.reject(error)),
  )
}
