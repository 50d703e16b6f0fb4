import { createLifetime } from '../test/support/lifetime.ts'
import { createListRequest, createWhoamiRequest, measureLoad, warmUp } from './load.ts'
import { formatTable } from './report.ts'
import { readResult } from './results.ts'
import { alternate } from './rounds.ts'
import { pinLoad } from './server-process.ts'
import { startBareFastify, startService, startSurroundings } from './servers.ts'

const ROUNDS = 7
const SECONDS = 0.7

/** How much slower the service may be beside bare Fastify than in the committed results: a third. */
const LEAST = 2 / 3

/**
 * Compares the service with bare Fastify by the CPU time of a request, which other work on the machine changes least,
 * in short rounds by turns. False if a ratio of the two is worse by a third than in bench/results/contenders.json.
 */
export async function checkAgainstCommitted(): Promise<boolean> {
  const committed = readResult('contenders')
  if (committed === undefined)
    throw new Error('There is no bench/results/contenders.json: run npm run bench.')
  pinLoad()
  await using closing = new AsyncDisposableStack()
  const surroundings = await startSurroundings(createLifetime(closing))
  const service = await startService(surroundings)
  const bare = await startBareFastify(surroundings, service)
  const options = { seconds: SECONDS }
  await warmUp(service.server, createWhoamiRequest(service.token))
  const measured = await alternate(ROUNDS, {
    bare: () => measureLoad(bare.server, createListRequest(), options),
    list: () => measureLoad(service.server, createListRequest(service.token), options),
    whoami: () => measureLoad(service.server, createWhoamiRequest(service.token), options),
  })
  const rows = [
    {
      name: '`tools/list`',
      now: measured.bare.cpuMs / measured.list.cpuMs,
      before: committed.list.bare.cpuMs / committed.list.service.cpuMs,
    },
    {
      name: '`whoami`',
      now: measured.bare.cpuMs / measured.whoami.cpuMs,
      before: committed.list.bare.cpuMs / committed.whoami.service.cpuMs,
    },
  ].map((row) => ({ ...row, isKept: row.now >= row.before * LEAST }))
  const table = formatTable(
    ['ratio to bare Fastify', 'now', 'committed', ''],
    rows.map(({ name, now, before, isKept }) => [
      name,
      now.toFixed(3),
      before.toFixed(3),
      isKept ? 'pass' : 'slower by more than a third',
    ]),
  )
  process.stdout.write(`${table}\n`)
  return rows.every(({ isKept }) => isKept)
}
