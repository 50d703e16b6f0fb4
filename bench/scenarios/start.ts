import { type Surroundings, startInstance } from '../contenders.ts'
import type { Results } from '../results.ts'

const STARTS = 5

/** How long the service needs from its start to its first response. */
export async function measureStarts(surroundings: Surroundings): Promise<Results['start']> {
  const ms: number[] = []
  for (let count = 0; count < STARTS; count += 1) {
    const { server } = await startInstance(surroundings)
    ms.push(server.startMs)
    await server.end()
  }
  return { ms }
}
