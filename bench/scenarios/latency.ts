import { createWhoamiRequest, measureLoad } from '../load.ts'
import type { Results } from '../results.ts'
import { alternate } from '../rounds.ts'
import type { Contender } from '../servers.ts'

const LEVELS = [1, 4, 16, 64]
const ROUNDS = 2
const SECONDS = 0.8

/** How long a tool call takes while so many are made at a time. */
export async function measureLatencies(
  contenders: Record<'sdk' | 'fastmcp' | 'service', Contender>,
): Promise<Results['latency']> {
  const levels: Results['latency'] = []
  for (const connections of LEVELS) {
    const measure =
      ({ server, token }: Contender) =>
      () =>
        measureLoad(server, createWhoamiRequest(token), { connections, seconds: SECONDS })
    const results = await alternate(ROUNDS, {
      sdk: measure(contenders.sdk),
      fastmcp: measure(contenders.fastmcp),
      service: measure(contenders.service),
    })
    levels.push({ connections, results })
  }
  return levels
}
