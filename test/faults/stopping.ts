import { setTimeout as sleep } from 'node:timers/promises'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import type { Nginx } from '../support/nginx.ts'
import type { Lifetime } from '../support/service.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { type Instance, readReadiness } from './instance.ts'
import type { Journal, Notes } from './journal.ts'
import { createMcpRequests, type Load, startLoad } from './load.ts'
import { waitUntil } from './wait-until.ts'

const TIMES = 20
const WORKERS = 12

/** How long Sentry takes to answer the slow call, in ms: long enough for the answer to become a stream. */
const SLOW = 5_500

/** Streams under way when an instance is told to end; nginx spreads them over both. */
const STREAMS = 4

/** Instances that end, by order and by force, while clients go on asking through nginx. */
export async function testStopping(t: Lifetime, journal: Journal): Promise<void> {
  const cluster = await startCluster(t)
  const { url, sentry } = cluster
  const client = await registerClient(url)
  const { access_token: token } = await client.signIn()
  sentry.fail('GET /api/0/organizations/', { kind: 'hang', ms: SLOW })
  const load = startLoad(createMcpRequests(url, token), WORKERS)

  const chapter = journal.begin('An instance ends')
  await chapter.record(
    `SIGTERM, ${TIMES} times under load through nginx`,
    'What it has always got: nothing fails, and a stream ends with its answer',
    (notes) => stopGently(cluster, token, load, notes),
  )
  await chapter.record(
    `SIGKILL, ${TIMES} times under load through nginx`,
    '`503` `temporarily_unavailable` from nginx, and only for what was under way there',
    (notes) => kill(cluster, load, notes),
  )
  await load.stop()
}

async function stopGently(
  { url, instances, nginx }: Cluster,
  token: string,
  load: Load,
  { expect }: Notes,
): Promise<string> {
  const before = load.ended
  const endings: number[] = []
  let carried = 0
  for (let time = 0; time < TIMES; time += 1) {
    const instance = instances[time % 2 === 0 ? 0 : 1]
    const streams = Array.from({ length: STREAMS }, () => readStream(url, token))
    await sleep(100)
    const known = instance.log.length
    const ended = instance.end('SIGTERM')
    expect('readiness is off first', (await findFirstChange(instance)) === 'draining')
    const { code, after } = await ended
    expect('it ends with 0', code === 0, { code, after, log: instance.log.slice(-3) })
    expect('it ends within SHUTDOWN_GRACE', after <= Number(instance.settings.SHUTDOWN_GRACE) * 1000, after)
    endings.push(after)
    for (const text of await Promise.all(streams)) {
      expect('a stream ends with its answer', isWholeStream(text), text)
    }
    carried += instance.log.slice(known).filter(isStreamEnd).length
    await instance.start()
  }
  expect('no request fails', load.lost.length === 0, [load.lost, listSurprises(nginx)])
  expect('the instances that ended had streams under way', carried >= TIMES, carried)
  return `${load.ended - before} requests, ${load.lost.length} lost; ${carried} streams under way at the instance that ended, 0 broken; it ended after ${range(endings)} s`
}

async function kill({ instances, nginx }: Cluster, load: Load, { expect }: Notes): Promise<string> {
  await Promise.all(instances.map((instance) => returnsToWork(instance, instance.log.length)))
  const before = load.ended
  const known = load.lost.length
  const stray: unknown[] = []
  for (let time = 0; time < TIMES; time += 1) {
    const instance = instances[time % 2 === 0 ? 0 : 1]
    const [seen, killedAt] = [load.lost.length, Date.now()]
    const { after } = await instance.end('SIGKILL')
    const known = instance.log.length
    await instance.start()
    await returnsToWork(instance, known)
    stray.push(...load.lost.slice(seen).filter(({ startedAt }) => startedAt > killedAt + after))
  }
  const lost = load.lost.slice(known)
  expect('only what was under way fails', stray.length === 0, [stray.length, listSurprises(nginx), stray])
  expect('at most what was under way fails', lost.length <= TIMES * WORKERS, lost.length)
  expect(
    'a client is told to try again',
    lost.every(({ outcome }) => /^503 .*temporarily_unavailable/.test(outcome)),
    lost,
  )
  return `${load.ended - before} requests, ${lost.length} lost, all of them under way at the instance that was killed`
}

/** What nginx complains of, apart from an instance that does not listen. */
function listSurprises({ readErrorLog }: Nginx): string[] {
  return readErrorLog()
    .split('\n')
    .filter((line) => line !== '' && !/Connection refused|temporarily disabled/.test(line))
}

/** A slow call through nginx, as text. */
async function readStream(url: string, token: string): Promise<string> {
  const params = { name: 'find_organizations', arguments: {} }
  try {
    return await (await postMcp(`${url}/mcp`, token, 'tools/call', params)).text()
  } catch (error) {
    return String(error)
  }
}

/** The first thing that an instance says of itself that is not `ready`. */
async function findFirstChange(instance: Instance): Promise<string> {
  for (;;) {
    const { status } = await readReadiness(instance)
    if (status !== 'ready') return status
    await sleep(10)
  }
}

/** Resolves when nginx counts on it again: it leaves out one that failed for up to two seconds, and then tries it. */
async function returnsToWork({ log }: Instance, known: number): Promise<void> {
  const isAtWork = () => log.slice(known).filter((line) => line.includes('"msg":"request"')).length > WORKERS
  await waitUntil(isAtWork)
}

/** A sign of life at the beginning, and the answer at the end. */
function isWholeStream(text: string): boolean {
  return text.startsWith(': working') && text.includes('"result":{"content"')
}

function isStreamEnd(line: string): boolean {
  const duration = /"duration_ms":(\d+)/.exec(line)?.[1]
  return line.includes('"msg":"request"') && Number(duration) >= SLOW
}

function range(values: readonly number[]): string {
  return [Math.min(...values), Math.max(...values)].map((ms) => (ms / 1000).toFixed(1)).join('–')
}
