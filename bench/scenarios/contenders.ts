import { type BenchRequest, createListRequest, createWhoamiRequest, measureLoad, warmUp } from '../load.ts'
import type { ContenderName, Results } from '../results.ts'
import { alternate } from '../rounds.ts'
import type { Contender } from '../servers.ts'

const ROUNDS = 5
const SECONDS = 1.5

/** Sends the same requests to every contender in turns. */
export async function compareContenders(
  contenders: Record<ContenderName, Contender>,
): Promise<Results['contenders']> {
  const { bare, sdk, fastmcp, service } = contenders
  for (const { server, token } of [sdk, fastmcp, service]) await warmUp(server, createWhoamiRequest(token))
  const measure =
    ({ server, token }: Contender, createRequest: (token?: string) => BenchRequest) =>
    () =>
      measureLoad(server, createRequest(token), { seconds: SECONDS })
  const list = await alternate(ROUNDS, {
    bare: measure(bare, createListRequest),
    sdk: measure(sdk, createListRequest),
    fastmcp: measure(fastmcp, createListRequest),
    service: measure(service, createListRequest),
  })
  const whoami = await alternate(ROUNDS, {
    sdk: measure(sdk, createWhoamiRequest),
    fastmcp: measure(fastmcp, createWhoamiRequest),
    service: measure(service, createWhoamiRequest),
  })
  const each = (read: (contender: Contender) => number) => ({
    bare: read(bare),
    sdk: read(sdk),
    fastmcp: read(fastmcp),
    service: read(service),
  })
  return {
    list,
    whoami,
    startMs: each(({ server }) => server.startMs),
    residentMb: each(({ server }) => server.readResidentMb()),
  }
}
