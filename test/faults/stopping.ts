import { setTimeout as sleep } from 'node:timers/promises'
import { registerClient } from '../support/client.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { postMcp } from '../support/mcp.ts'
import type { Nginx } from '../support/nginx.ts'
import { readReadiness, type ServiceProcess } from '../support/service-process.ts'
import { timeUntil } from '../support/wait-until.ts'
import { type Deployment, startDeployment } from './deployment.ts'
import { createMcpRequests, type Load, startLoad } from './load.ts'
import type { Check, Results } from './results.ts'

const TIMES = 20
const WORKERS = 12

/** Sentry's delay in the slow call: long enough for the response to become a stream. */
const SLOW_MS = 5_500

/** Streams in progress when an instance is shut down; nginx spreads them over both. */
const STREAMS = 4

/** Instances that are shut down and killed while clients send requests through nginx. */
export async function testStopping(t: Lifetime, results: Results): Promise<void> {
  const deployment = await startDeployment(t)
  const { url, sentry } = deployment
  const client = await registerClient(url)
  const { access_token: token } = await client.signIn()
  sentry.fail('GET /api/0/organizations/', { kind: 'hang', ms: SLOW_MS })
  const load = startLoad(createMcpRequests(url, token), WORKERS)

  const section = results.addSection('An instance ends')
  await section.record(
    `SIGTERM, ${TIMES} times under load through nginx`,
    'The usual response: no request fails, and a stream ends with its response',
    (check) => stopGently(deployment, token, load, check),
  )
  await section.record(
    `SIGKILL, ${TIMES} times under load through nginx`,
    '`503` `temporarily_unavailable` from nginx, only for requests in progress there',
    (check) => kill(deployment, load, check),
  )
  await load.stop()
}

async function stopGently(
  { url, instances, nginx }: Deployment,
  token: string,
  load: Load,
  check: Check,
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
    check('readiness is withdrawn first', (await findFirstChange(instance)) === 'draining')
    const { code, afterMs } = await ended
    check('it exits with 0', code === 0, { code, afterMs, log: instance.log.slice(-3) })
    check(
      'it exits within SHUTDOWN_GRACE',
      afterMs <= Number(instance.settings.SHUTDOWN_GRACE) * 1000,
      afterMs,
    )
    endings.push(afterMs)
    for (const text of await Promise.all(streams)) {
      check('a stream ends with its response', isWholeStream(text), text)
    }
    carried += instance.log.slice(known).filter(isStreamEnd).length
    await instance.start()
  }
  check('no request fails', load.failed.length === 0, [load.failed, listSurprises(nginx)])
  check('the instances that stopped had streams in progress', carried >= TIMES, carried)
  return `${load.ended - before} requests, ${load.failed.length} failed; ${carried} streams in progress at the instance that stopped, 0 broken; it exited after ${range(endings)} s`
}

async function kill({ instances, nginx }: Deployment, load: Load, check: Check): Promise<string> {
  await Promise.all(instances.map((instance) => returnsToWork(instance, instance.log.length)))
  const before = load.ended
  const known = load.failed.length
  const stray: unknown[] = []
  for (let time = 0; time < TIMES; time += 1) {
    const instance = instances[time % 2 === 0 ? 0 : 1]
    const [seen, killedAt] = [load.failed.length, Date.now()]
    const { afterMs } = await instance.end('SIGKILL')
    const known = instance.log.length
    await instance.start()
    await returnsToWork(instance, known)
    stray.push(...load.failed.slice(seen).filter(({ startedAt }) => startedAt > killedAt + afterMs))
  }
  const failed = load.failed.slice(known)
  check('only requests in progress fail', stray.length === 0, [stray.length, listSurprises(nginx), stray])
  check('at most the requests in progress fail', failed.length <= TIMES * WORKERS, failed.length)
  check(
    'a failed request gets a temporary error',
    failed.every(({ outcome }) => /^503 .*temporarily_unavailable/.test(outcome)),
    failed,
  )
  return `${load.ended - before} requests, ${failed.length} failed, all of them in progress at the instance that was killed`
}

/** The errors of nginx, apart from those about an instance that does not listen. */
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

/** The first readiness status that is not `ready`. */
async function findFirstChange(instance: ServiceProcess): Promise<string> {
  for (;;) {
    const { status } = await readReadiness(instance)
    if (status !== 'ready') return status
    await sleep(10)
  }
}

/** Resolves when nginx sends requests to it again: after a failure it skips an instance for up to two seconds. */
async function returnsToWork({ log }: ServiceProcess, known: number): Promise<void> {
  const isAtWork = () => log.slice(known).filter((line) => line.includes('"msg":"request"')).length > WORKERS
  await timeUntil(isAtWork)
}

/** A heartbeat at the beginning, and the response at the end. */
function isWholeStream(text: string): boolean {
  return text.startsWith(': working') && text.includes('"result":{"content"')
}

function isStreamEnd(line: string): boolean {
  const duration = /"duration_ms":(\d+)/.exec(line)?.[1]
  return line.includes('"msg":"request"') && Number(duration) >= SLOW_MS
}

function range(values: readonly number[]): string {
  return [Math.min(...values), Math.max(...values)].map((ms) => (ms / 1000).toFixed(1)).join('–')
}
