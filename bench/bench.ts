import { loadavg } from 'node:os'
import { createLifetime } from '../test/support/lifetime.ts'
import { renderResults } from './render.ts'
import { formatTable } from './report.ts'
import { type Results, readResults, writeResult } from './results.ts'
import { compareContenders } from './scenarios/contenders.ts'
import { measureGrants } from './scenarios/grants.ts'
import { measureInstances } from './scenarios/instances.ts'
import { measureLatencies } from './scenarios/latency.ts'
import { measureMemory } from './scenarios/memory.ts'
import { measureMethods } from './scenarios/methods.ts'
import { measureStarts } from './scenarios/start.ts'
import { pinLoad } from './server-process.ts'
import { startContenders, startService, startSurroundings } from './servers.ts'
import { checkAgainstCommitted } from './short.ts'
import { describeTarget, listTargets } from './targets.ts'

/**
 * `npm run bench`: measures the service beside a bare Fastify route, the MCP SDK and FastMCP, writes bench/results and
 * the figures of docs/performance.md, and prints each target beside its figure. It takes about five minutes.
 *
 *   npm run bench -- contenders memory    only these parts
 *   npm run bench -- --short              a minute: fails when the service has become slower beside bare Fastify
 *   npm run bench -- --render             measures nothing, and draws the committed results
 */
const PARTS = ['contenders', 'latency', 'methods', 'instances', 'start', 'grants', 'memory'] as const
type Part = (typeof PARTS)[number]

const given = process.argv.slice(2)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

if (given.includes('--render')) renderResults(readResults())
else if (given.includes('--short')) process.exitCode = (await checkAgainstCommitted()) ? 0 : 1
else await measureAll(given.length === 0 ? PARTS : given.map(parsePart))

function parsePart(name: string): Part {
  const part = PARTS.find((known) => known === name)
  if (part === undefined) throw new Error(`There is no part "${name}" of the benchmark: ${PARTS.join(', ')}.`)
  return part
}

async function measureAll(parts: readonly Part[]): Promise<void> {
  const [load = 0] = loadavg()
  if (load > 1) print(`Other programs use this machine (load ${load.toFixed(1)}): compare only CPU times.`)
  if (!pinLoad()) print('This machine has no taskset: servers and load share its cores.')
  await using closing = new AsyncDisposableStack()
  const surroundings = await startSurroundings(createLifetime(closing))
  const service = await startService(surroundings)
  let started: ReturnType<typeof startContenders> | undefined
  const findContenders = () => {
    started ??= startContenders(surroundings, service)
    return started
  }

  const measurements: Record<Part, () => Promise<Partial<Results>>> = {
    contenders: async () => ({ contenders: await compareContenders(await findContenders()) }),
    latency: async () => ({ latency: await measureLatencies(await findContenders()) }),
    methods: async () => ({ methods: await measureMethods(service) }),
    instances: async () => ({ instances: await measureInstances(surroundings, service) }),
    start: async () => ({ start: await measureStarts(surroundings) }),
    grants: () => measureGrants(surroundings),
    memory: async () => ({ memory: await measureMemory(surroundings) }),
  }
  for (const part of parts) {
    const startedAt = performance.now()
    const results = await measurements[part]()
    for (const [name, result] of Object.entries(results))
      writeResult(name as keyof Results, result as never, load)
    print(`${part}: ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`)
  }
  const results = readResults()
  renderResults(results)
  print(formatTable(['', 'measured', 'target', ''], listTargets(results).map(describeTarget)))
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
