import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { test } from 'tap'
import { registerClient, type Tokens } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { type RedisNode, startWatchedRedis, untilCopied, type WatchedRedis } from '../support/redis-shapes.ts'
import { type Service, startService } from '../support/service.ts'
import { until } from '../support/wait-until.ts'

/** The longest time to a response. */
const RESPONSE_TIMEOUT_MS = 2_500
/** The longest time from a new primary to a ready service. */
const RECOVERY_TIMEOUT_MS = 3_000

test('no failover ends a grant: five in a row after crashes, hangs and commands', async (t) => {
  const redis = await startWatchedRedis(t)
  const service = await startService(t, { settings: { STORE: 'redis', REDIS_URL: redis.url } })
  const client = await registerClient(service.url)
  const grants: Tokens[] = [await client.signIn()]

  for (const fail of [crash, hang, order, crash, order]) {
    await t.test(fail.name, async (t) => {
      grants.push(await client.signIn())
      const { primary, replica } = await redis.findRoles()
      await untilCopied(primary, replica)

      const calls = startCalls(service, grants[0]?.access_token ?? '')
      const mend = await fail(redis, primary)
      await until('there is a new primary', async () => (await redis.findRoles()).primary === replica, 30_000)
      const since = Date.now()
      await until('the service has it', () => isReady(service), RECOVERY_TIMEOUT_MS)
      t.comment(`ready ${Date.now() - since} ms after the sentinels had another primary`)
      // After a command the change may happen a moment after its announcement.
      for (const { access_token: token } of grants) {
        await calls.until200(() => postMcp(`${service.url}/mcp`, token, 'tools/list'))
      }
      const { refresh_token: last = '' } = grants.pop() ?? {}
      grants.push((await (await calls.until200(() => client.refresh(last))).json()) as Tokens)

      const seen = await calls.stop()
      t.same(
        seen.filter(({ status }) => status !== 200 && status !== 503),
        [],
        'never 401 nor 400',
      )
      t.ok(Math.max(...seen.map(({ ms }) => ms)) < RESPONSE_TIMEOUT_MS, 'every response is in time')
      await mend()
      await until('the old primary is a replica', () => follows(primary, replica))
    })
  }

  const log = service.log.join('')
  t.notMatch(log, '"level":60')
  t.ok(count(service, 'is not available') < 40, 'an outage is a few lines, not one for each attempt')
  t.equal((await postMcp(`${service.url}/mcp`, 'made-up', 'tools/list')).status, 401)
})

async function crash(_redis: WatchedRedis, primary: RedisNode) {
  await primary.kill()
  return () => primary.restart()
}

async function hang(_redis: WatchedRedis, primary: RedisNode) {
  await primary.freeze()
  return () => primary.thaw()
}

/** The old primary goes on and accepts writes until the sentinels demote it. */
async function order(redis: WatchedRedis) {
  await redis.sentinels[0]?.client.call('SENTINEL', 'FAILOVER', 'sign-ins')
  return async () => undefined
}

test('a commanded failover: the service leaves the old primary at once, while it still accepts writes', async (t) => {
  const redis = await startWatchedRedis(t)
  const service = await startService(t, { settings: { STORE: 'redis', REDIS_URL: redis.url } })
  const { primary, replica } = await redis.findRoles()
  await order(redis)
  await until('the service is at the new one', async () => {
    const clients = String(await replica.client.client('LIST'))
    return clients.includes('name=sentry-mcp') && (await isReady(service))
  })
  t.match(await primary.client.role(), ['master'], 'before the old one is told to follow')
  const client = await registerClient(service.url)
  const { access_token: token } = await client.signIn()
  await until('the old primary is a replica', () => follows(primary, replica))
  t.equal((await postMcp(`${service.url}/mcp`, token, 'tools/list')).status, 200)
  t.match(service.log.join(''), 'The sentinels have promoted another server to primary of sign-ins.')
})

test('the service works with one of three sentinels, and without any while the primary stays', async (t) => {
  const redis = await startWatchedRedis(t)
  await redis.sentinels[0]?.kill()
  await redis.sentinels[1]?.freeze()
  const service = await startService(t, { settings: { STORE: 'redis', REDIS_URL: redis.url } })
  await until('the service is ready', () => isReady(service), 5_000)
  const address = redis.url.split(/[/,]/)[2]
  t.equal(count(service, `Sentinel at ${address} is not available: connect ECONNREFUSED`), 1)

  await redis.sentinels[2]?.kill()
  await sleep(1_000)
  t.ok(await isReady(service))
  t.equal(count(service, 'Redis at sign-ins'), 1, 'of the primary nothing is said but that it is there')
})

/** Lists tools over and over, and records how each call ends. */
function startCalls({ url }: Service, token: string) {
  const seen: { status: number; ms: number }[] = []
  const record = async (ask: () => Promise<Response>) => {
    const since = Date.now()
    const response = await ask()
    seen.push({ status: response.status, ms: Date.now() - since })
    return response
  }
  let isOver = false
  const work = (async () => {
    while (!isOver) {
      await record(() => postMcp(`${url}/mcp`, token, 'tools/list'))
      await sleep(50)
    }
  })()
  return {
    /** Sends a request until the response is 200, as clients do after a 503; records every response. */
    async until200(ask: () => Promise<Response>): Promise<Response> {
      let response = await record(ask)
      await until(
        'a request succeeds',
        async () => {
          if (response.status !== 200) response = await record(ask)
          return response.status === 200
        },
        RECOVERY_TIMEOUT_MS,
      )
      return response
    },
    async stop() {
      isOver = true
      await work
      return seen
    },
  }
}

async function isReady({ url }: Service): Promise<boolean> {
  return (await fetch(`${url}/health/ready`)).ok
}

async function follows({ port }: RedisNode, primary: RedisNode): Promise<boolean> {
  const probe = new Redis(port, { lazyConnect: true, commandTimeout: 1_000, retryStrategy: null })
  probe.on('error', () => undefined)
  try {
    const info = await probe.info('replication')
    return info.includes(`master_port:${primary.port}`) && info.includes('master_link_status:up')
  } finally {
    probe.disconnect()
  }
}

function count({ log }: Service, text: string): number {
  return log.filter((line) => line.includes(text)).length
}
