import { setTimeout as sleep } from 'node:timers/promises'
import { createWhoamiRequest, sendRequests } from '../load.ts'
import type { Results } from '../results.ts'
import { type Surroundings, startService } from '../servers.ts'

const CONNECTIONS = 64
const STEP = 5_000

/** Resident memory is compared at this number of calls, and must not grow after it. */
export const CALLS = 100_000
const LAST = 110_000

const SETTLE_MS = 2_000

/** A machine that needs longer for all calls gets a shorter curve. */
const MAX_MS = 4 * 60_000

/** Resident memory of a new instance, idle and while it responds to more and more calls. */
export async function measureMemory(surroundings: Surroundings): Promise<Results['memory']> {
  const { server, token } = await startService(surroundings)
  const request = createWhoamiRequest(token)
  await sleep(SETTLE_MS)
  const samples = [{ calls: 0, residentMb: server.readResidentMb() }]
  const until = performance.now() + MAX_MS
  for (let calls = STEP; calls <= LAST && performance.now() < until; calls += STEP) {
    await sendRequests([server], request, { connections: CONNECTIONS, amount: STEP })
    samples.push({ calls, residentMb: server.readResidentMb() })
  }
  await server.end()
  return samples
}
