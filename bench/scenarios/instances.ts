import { createWhoamiRequest, measureLoad, warmUp } from '../load.ts'
import type { Results } from '../results.ts'
import { alternate } from '../rounds.ts'
import { type BenchService, type Surroundings, startInstance } from '../servers.ts'

const ROUNDS = 3
const SECONDS = 1.5

/** Whether a call costs more when two instances share one Redis. Both are on the core of the servers. */
export async function measureInstances(
  surroundings: Surroundings,
  { server, token, settings }: BenchService,
): Promise<Results['instances']> {
  const { server: other } = await startInstance(surroundings, settings)
  const request = createWhoamiRequest(token)
  await warmUp(other, request)
  const results = await alternate(ROUNDS, {
    one: () => measureLoad(server, request, { seconds: SECONDS }),
    two: () => measureLoad([server, other], request, { seconds: SECONDS }),
  })
  await other.end()
  return results
}
