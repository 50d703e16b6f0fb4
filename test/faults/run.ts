/**
 * `npm run test:faults`: makes everything fail that can fail, around real processes of the service, and ends with 1
 * when a rule of docs/reliability.md was not kept. With `--write` it writes that page when all were; names choose some
 * parts only.
 */
import { writeFile } from 'node:fs/promises'
import { createLifetime } from '../support/lifetime.ts'
import type { Lifetime } from '../support/service.ts'
import { testEmbeddedStore } from './embedded.ts'
import { createJournal, type Journal } from './journal.ts'
import { testRedisFaults } from './redis-faults.ts'
import { testRenewals } from './renewals.ts'
import { writeReport } from './report.ts'
import { testSentryFaults } from './sentry-faults.ts'
import { testSpreadSignIn } from './spread-sign-in.ts'
import { testStopping } from './stopping.ts'

type Part = (t: Lifetime, journal: Journal) => Promise<void>

/** One after the other; what stands together mostly waits, and runs side by side. */
const PARTS: Record<string, Part>[] = [
  { 'sign-in': testSpreadSignIn },
  { stopping: testStopping },
  { redis: testRedisFaults },
  { renewals: testRenewals, sentry: testSentryFaults },
  { embedded: testEmbeddedStore },
]

const REPORT = new URL('../../docs/reliability.md', import.meta.url)

/** For everything together, in ms. */
const LIMIT = 590_000

setTimeout(() => {
  process.stdout.write('It took too long.\n')
  process.exit(1)
}, LIMIT).unref()

const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const journal = createJournal((line) => process.stdout.write(line))
for (const parts of PARTS) {
  const wanted = Object.entries(parts).filter(([name]) => chosen.length === 0 || chosen.includes(name))
  await using closing = new AsyncDisposableStack()
  await Promise.all(wanted.map(([name, part]) => run(name, part, createLifetime(closing))))
}
const broken = journal.chapters.flatMap(({ entries }) => entries.flatMap((entry) => entry.broken))
// Half a run, or one in which a rule was broken, is nothing to be read.
if (process.argv.includes('--write') && chosen.length === 0 && broken.length === 0) {
  await writeFile(REPORT, writeReport(journal.chapters))
}
process.stdout.write(broken.length === 0 ? 'Every rule was kept.\n' : `${broken.length} rules were broken.\n`)
process.exit(broken.length === 0 ? 0 : 1)

/** What goes wrong before anything could fail is no figure, but a run that proves nothing. */
async function run(name: string, part: Part, lifetime: Lifetime): Promise<void> {
  await part(lifetime, journal).catch((error: unknown) =>
    journal.begin(name).record('the beginning', '', () => Promise.reject(error)),
  )
}
