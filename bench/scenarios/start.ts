import type { Results } from '../results.ts'
import { type Surroundings, startInstance } from '../servers.ts'

const STARTS = 5

/** How long the service needs from its start to its first response, with its code compiled as in the image. */
export async function measureStarts(surroundings: Surroundings): Promise<Results['start']> {
  const ms: number[] = []
  // Node writes compiled code when a process ends.
  await (await startInstance(surroundings)).server.end()
  for (let count = 0; count < STARTS; count += 1) {
    const { server } = await startInstance(surroundings)
    ms.push(server.startMs)
    await server.end()
  }
  return { ms }
}
