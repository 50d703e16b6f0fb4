import { startRedis } from '../../test/support/redis.ts'
import { openGrantWriter } from '../grant-writer.ts'
import { createListRequest, createMcpRequest, measureLoad, warmUp } from '../load.ts'
import type { Results } from '../results.ts'
import { alternate } from '../rounds.ts'
import { type Surroundings, startInstance } from '../servers.ts'

const LEVELS = [10, 100, 1_000, 10_000, 100_000]
const VARIANTS = [1, 4, 16, 64]
const ROUNDS = 3
const SECONDS = 1

/** Scopes that give no tool more: each choice of them is a variant whose list is as long as that of the others. */
const EXTRA_SCOPES = ['event:admin', 'member:read', 'org:admin', 'org:write', 'project:admin', 'team:admin']

/** Whether a request costs more when more grants are stored, and when users have chosen more different tools. */
export async function measureGrants(
  surroundings: Surroundings,
): Promise<Pick<Results, 'grants' | 'variants'>> {
  const { lifetime } = surroundings
  const redis = await startRedis(lifetime)
  const { server, settings } = await startInstance(surroundings, { REDIS_URL: redis.url })
  const writer = await openGrantWriter(lifetime, server.url, settings)
  const empty = await writer.readRedisMemory()

  await warmUp(server, createMcpRequest(await writer.write(), 'ping'))
  const tokens: string[] = []
  const levels: Results['grants']['levels'] = []
  let redisBytes = 0
  for (const grants of LEVELS) {
    tokens.push(...(await writer.writeMany(grants - tokens.length)))
    redisBytes = ((await writer.readRedisMemory()) - empty) / grants
    const ping = { ...createMcpRequest(tokens[0], 'ping'), tokens: shuffle(tokens) }
    const { ping: result } = await alternate(ROUNDS, {
      ping: () => measureLoad(server, ping, { seconds: SECONDS }),
    })
    levels.push({ grants, cpuMs: result.cpuMs })
  }

  const owners = await Promise.all(
    Array.from({ length: 64 }, (_, number) => writer.write(chooseScopes(number))),
  )
  const results = await alternate(
    ROUNDS,
    Object.fromEntries(
      VARIANTS.map((count) => [
        count,
        () =>
          measureLoad(
            server,
            { ...createListRequest(owners[0]), tokens: owners.slice(0, count) },
            { seconds: SECONDS },
          ),
      ]),
    ),
  )
  await server.end()
  return {
    grants: { redisBytes, levels },
    variants: VARIANTS.map((variants) => ({ variants, cpuMs: results[variants]?.cpuMs ?? Number.NaN })),
  }
}

/** One of the 64 choices among the extra scopes. */
function chooseScopes(number: number): string[] {
  return EXTRA_SCOPES.filter((_scope, bit) => (number >> bit) & 1)
}

/** In an order in which a cache of the last ones helps as little as with users of a real service. */
function shuffle(tokens: readonly string[]): string[] {
  return tokens
    .map((token) => ({ token, order: Math.random() }))
    .sort((one, other) => one.order - other.order)
    .map(({ token }) => token)
}
