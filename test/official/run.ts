/**
 * `npm run test:official`: calls every tool with several argument sets at Sentry's own stdio server and at this service,
 * compares success, content and the requests to Sentry, and writes docs/official.md. Ends with 1 on a difference that
 * test/official/deviations.ts does not explain.
 */
import { writeFile } from 'node:fs/promises'
import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import { startSentry } from '../sandbox/sentry/server.ts'
import { createLifetime } from '../support/lifetime.ts'
import { type ArgumentSet, listArgumentSets } from './argument-sets.ts'
import { compareOutcomes, type Difference } from './compare.ts'
import { DEVIATIONS, type Deviation } from './deviations.ts'
import { writeReport } from './report.ts'
import { startServers } from './servers.ts'

const REPORT = new URL('../../docs/official.md', import.meta.url)

const now = Date.now()
const sets = await readArgumentSets()
const used = new Set<Deviation>()
const faults: string[] = []
let count = 0
const { tools } = await loadMcpCore()
const only = process.argv[2]
const wanted = [...sets].filter(([tool]) => only === undefined || tool === only)
const [reading, writing] = [true, false].map((reads) =>
  wanted.filter(([tool]) => (tools[tool]?.annotations.readOnlyHint ?? false) === reads),
)
// A tool that writes gets servers of its own, so that no other tool's writes are in the way.
for (const group of [reading ?? [], ...(writing ?? []).map((entry) => [entry])]) await compareTools(group)

if (only === undefined) {
  faults.push(...DEVIATIONS.filter((one) => !used.has(one)).map(({ title }) => `no call shows: ${title}`))
  await writeFile(REPORT, writeReport({ sets: [...sets.values()].flat(), deviations: DEVIATIONS }))
}
for (const fault of faults) process.stdout.write(`  no  ${fault}\n`)
process.stdout.write(`${count} calls of ${sets.size} tools at each server, ${faults.length} unexplained.\n`)
process.exit(faults.length === 0 ? 0 : 1)

async function readArgumentSets(): Promise<Map<string, ArgumentSet[]>> {
  const sentry = await startSentry({ now })
  await sentry.close()
  return listArgumentSets(sentry.data)
}

async function compareTools(group: readonly [tool: string, list: ArgumentSet[]][]): Promise<void> {
  await using closing = new AsyncDisposableStack()
  const [official, ours] = await startServers(createLifetime(closing), now)
  for (const [tool, list] of group) {
    let unexplained = 0
    for (const set of list) {
      const call = { name: set.name, arguments: set.arguments }
      const [theirs, own] = await Promise.all([official.call(call), ours.call(call)])
      const differences = compareOutcomes(set, theirs, own).filter((difference) => !isExplained(difference))
      faults.push(...differences.map(describeDifference))
      unexplained += differences.length
    }
    count += list.length
    process.stdout.write(`  ${unexplained === 0 ? 'ok' : 'no'}  ${tool}: ${list.length} calls\n`)
  }
}

function isExplained(difference: Difference): boolean {
  const deviation = DEVIATIONS.find((one) => one.explains(difference))
  if (deviation !== undefined) used.add(deviation)
  return deviation !== undefined
}

function describeDifference({ set, what, official, ours }: Difference): string {
  const show = ({ failed, content, requests }: Difference['ours']) =>
    what === 'requests' ? requests.join('; ') : `${failed ? 'failed' : 'succeeded'}: ${content.slice(0, 300)}`
  return [
    `${what} of ${set.name}(${JSON.stringify(set.arguments)}), ${set.kind}`,
    `      official: ${show(official)}`,
    `      ours:     ${show(ours)}`,
  ].join('\n')
}
