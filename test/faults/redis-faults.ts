import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { tickRequired } from '../sandbox/browser/html-form.ts'
import { registerClient, type Tokens } from '../support/client.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { postMcp } from '../support/mcp.ts'
import { readReadiness } from '../support/service-process.ts'
import { timeUntil } from '../support/wait-until.ts'
import { type Deployment, startDeployment } from './deployment.ts'
import { isSuccess, isTemporary, KINDS, startProbes } from './probes.ts'
import type { Check, Results } from './results.ts'

/** The longest time to a response while Redis is unavailable, and to recovery afterwards. */
const RESPONSE_TIMEOUT_MS = 2_500
const RECOVERY_TIMEOUT_MS = 3_000

/** Grants from before the fault that are not used during it. */
const BYSTANDERS = 20

const AWAY = '503 `temporarily_unavailable` with `Retry-After`'

interface Fault {
  name: string
  response: string
  durationMs: number
  /** The kinds of requests that succeed meanwhile. */
  unaffected: readonly string[]
  /** Whether Redis may have carried out what got 503. */
  mayHaveActed?: boolean
  begin(): Promise<unknown>
  end(): Promise<unknown>
}

/** Every fault of Redis, behind two instances and nginx. */
export async function testRedisFaults(t: Lifetime, results: Results): Promise<void> {
  const section = results.addSection('Redis')
  // Rate limits use Redis too, and are never reached here.
  const settings = { RATE_LIMIT_MCP: '1000000', RATE_LIMIT_OAUTH: '1000000' }
  const deployment = await startDeployment(t, { settings })
  const observer = connectObserver(t, deployment)
  for (const fault of listFaults(deployment, observer)) {
    await section.record(fault.name, fault.response, (check) => testFault(deployment, fault, check))
  }
  await section.record(
    '`FLUSHALL` during everything else',
    'An error that says the sign-in is lost: a page, `invalid_grant`, 401. The same client signs in again',
    (check) => flush(deployment, observer, check),
  )

  const loading = await startSlowLoader(t, settings)
  await section.record('Started again, and `LOADING` for 2 s', `${AWAY} until it has loaded`, async (check) =>
    testFault(loading.deployment, loading.fault, check),
  )
}

/** A Redis that takes 10 ms to load each key, and replies to clients meanwhile. */
async function startSlowLoader(t: Lifetime, settings: Record<string, string>) {
  const slow = ['--key-load-delay', '10000', '--loading-process-events-interval-bytes', '1024']
  const deployment = await startDeployment(t, { settings, redis: [...slow, '--rdbcompression', 'no'] })
  const observer = connectObserver(t, deployment)
  const filler = 'x'.repeat(100)
  await Promise.all(Array.from({ length: 200 }, (_, key) => observer.set(`filler-${key}`, filler)))
  const readState = () => observer.info('persistence').catch(() => '')
  const fault: Fault = {
    ...{ name: '', response: '', durationMs: 0, unaffected: [] },
    async begin() {
      // Redis replies to clients while it loads an RDB image, and does not while it replays commands.
      await observer.bgrewriteaof()
      await timeUntil(async () =>
        /aof_rewrite_in_progress:0.*aof_rewrite_scheduled:0/s.test(await readState()),
      )
      await deployment.redis.restart()
    },
    async end() {
      await timeUntil(async () => /^loading:0/m.test(await readState()), 20_000)
    },
  }
  return { deployment, fault }
}

/** The test's own connection to Redis, which bypasses the relay. */
function connectObserver(t: Lifetime, { redis }: Deployment): Redis {
  const observer = new Redis(redis.url, {
    retryStrategy: () => 50,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
  })
  observer.on('error', () => undefined)
  t.teardown(() => observer.disconnect())
  return observer
}

function listFaults({ redis, relay }: Deployment, observer: Redis): Fault[] {
  const readable = 'Tool calls work; requests that write get 503'
  return [
    {
      ...{ name: 'Killed, and started again after 2 s', response: AWAY, durationMs: 2_000, unaffected: [] },
      begin: () => redis.kill(),
      end: () => redis.restart(),
    },
    {
      ...{ name: 'Frozen for 5 s (SIGSTOP)', response: AWAY, durationMs: 5_000, unaffected: [] },
      mayHaveActed: true,
      begin: () => redis.freeze(),
      end: () => redis.thaw(),
    },
    {
      ...{
        name: 'A delay of 500 ms',
        response: 'Everything works, slowly',
        durationMs: 6_000,
        unaffected: KINDS,
      },
      async begin() {
        relay.delayMs = 500
      },
      async end() {
        relay.delayMs = 0
      },
    },
    {
      ...{ name: 'Full (`OOM`, noeviction)', response: readable, durationMs: 1_500, unaffected: ['call'] },
      begin: () => observer.config('SET', 'maxmemory', '1'),
      end: () => observer.config('SET', 'maxmemory', '0'),
    },
    {
      ...{ name: 'A read-only replica', response: readable, durationMs: 1_500, unaffected: [] },
      // There is no such primary, so no data is replaced by its data.
      begin: () => observer.replicaof('127.0.0.1', '1'),
      end: () => observer.replicaof('NO', 'ONE'),
    },
    {
      ...{ name: 'Another password', response: AWAY, durationMs: 1_500, unaffected: [] },
      async begin() {
        await observer.config('SET', 'requirepass', 'another')
        await observer.call('CLIENT', 'KILL', 'TYPE', 'normal')
      },
      end: () => observer.config('SET', 'requirepass', ''),
    },
  ]
}

/** Injects a fault while clients send requests. Returns the figures. */
async function testFault(deployment: Deployment, fault: Fault, check: Check): Promise<string> {
  const { url, instances } = deployment
  const [first] = instances
  const client = await registerClient(url)
  const [caller, refresher] = [await client.signIn(), await client.signIn()]
  const bystanders: Tokens[] = []
  for (let port = 42_000; port < 42_000 + BYSTANDERS; port += 1) {
    bystanders.push(await (await registerClient(url, `http://127.0.0.1:${port}/callback`)).signIn())
  }
  const probes = startProbes(url, client.id, caller, refresher)
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  await timeUntil(() => probes.listSucceeded(0).size === KINDS.length)

  const beganAt = Date.now()
  await fault.begin()
  const [redeemed] = await Promise.all([client.redeem(code).then(readResponse), sleep(fault.durationMs)])
  const meanwhile = await Promise.all([readReadiness(first), isAlive(first)])
  await fault.end()
  const endedAt = Date.now()
  const recovery = await timeUntil(async () => {
    const isServed = probes.listSucceeded(endedAt).size === KINDS.length
    return (
      isServed && (await Promise.all(instances.map(readReadiness))).every(({ status }) => status === 'ready')
    )
  })
  const acknowledged = await probes.stop()
  const repeated = redeemed.status === 200 ? redeemed : await client.redeem(code).then(readResponse)
  check('a code is accepted, or gets 503', [200, 503].includes(redeemed.status), redeemed)
  // A frozen Redis may spend the code after the 503: no tokens are issued, and the user signs in again.
  const isSpent = fault.mayHaveActed === true && repeated.text.includes('invalid_grant')
  check('a code that got 503 is accepted afterwards', repeated.status === 200 || isSpent, repeated)

  const responses = probes.responses.filter(({ startedAt }) => startedAt >= beganAt)
  const others = responses.filter((response) => !isSuccess(response) && !isTemporary(response))
  check('every response is a success or a 503', others.length === 0, others.slice(0, 3))
  const refused = responses.filter(({ status }) => status === 503)
  const spoilt = refused.filter(({ kind }) => fault.unaffected.includes(kind))
  check('requests that do not need the failed part succeed', spoilt.length === 0, spoilt.slice(0, 3))
  const slowest = Math.max(0, ...refused.map(({ tookMs }) => tookMs))
  check('a 503 is sent in time', slowest <= RESPONSE_TIMEOUT_MS, slowest)
  check('the service recovers in time', recovery !== undefined && recovery <= RECOVERY_TIMEOUT_MS, recovery)
  check(
    'no process exited',
    instances.every(({ ending }) => ending === undefined),
  )
  check('liveness does not depend on Redis', meanwhile[1])

  const lost = await countLost(url, [caller, acknowledged, ...bystanders])
  check('no acknowledged grant is lost', lost.length === 0, lost)
  return `${refused.length} of ${responses.length} requests got 503, after at most ${slowest} ms; \`/health/ready\` said \`${meanwhile[0].status}\`; recovered after ${Math.max(recovery ?? 0, 1)} ms; ${BYSTANDERS + 2} of ${BYSTANDERS + 2} grants kept`
}

async function readResponse(response: Response): Promise<{ status: number; text: string }> {
  return { status: response.status, text: await response.text() }
}

async function isAlive({ url }: { url: string }): Promise<boolean> {
  return (await fetch(`${url}/health`)).ok
}

/** The grants that are lost: a grant is kept when its access token allows a call and its refresh token is accepted. */
async function countLost(url: string, sets: readonly Tokens[]): Promise<string[]> {
  const results = await Promise.all(
    sets.map(async ({ access_token: accessToken, refresh_token: refreshToken }) => {
      const call = await postMcp(`${url}/mcp`, accessToken, 'tools/list')
      await call.body?.cancel()
      const refresh = await fetch(`${url}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: readClientId(accessToken),
          refresh_token: refreshToken,
        }),
      })
      const text = await refresh.text()
      return call.status === 200 && refresh.status === 200 ? [] : [`${call.status} ${refresh.status} ${text}`]
    }),
  )
  return results.flat()
}

function readClientId(accessToken: string): string {
  const claims = Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()
  return (JSON.parse(claims) as { client_id: string }).client_id
}

async function flush({ url }: Deployment, observer: Redis, check: Check): Promise<string> {
  const client = await registerClient(url)
  const tokens = await client.signIn()
  const consent = await client.open()
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  if (consent.kind !== 'page') throw new Error('The consent page did not come.')
  await observer.flushall()

  const [form] = consent.page.forms
  const allow = form?.buttons.find(({ value }) => value === 'allow')
  if (form === undefined || allow === undefined) throw new Error('The consent page has no button.')
  const page = await client.browser.submit(consent.page, tickRequired(form), allow)
  check(
    'submitting the consent page shows a page that says what to do',
    page.kind === 'page' && page.page.status === 400 && /again/i.test(page.page.html),
    page.kind === 'page' ? [page.page.status, page.page.html.slice(-600)] : page.kind,
  )
  const redeemed = await client.redeem(code)
  const refreshed = await client.refresh(tokens.refresh_token)
  for (const response of [redeemed, refreshed]) {
    const text = await response.text()
    check(
      'a code and a refresh token are invalid_grant',
      response.status === 400 && text.includes('invalid_grant'),
      text,
    )
  }
  const call = await postMcp(`${url}/mcp`, tokens.access_token, 'tools/list')
  check('a call is 401', call.status === 401, await call.text())
  check('and says why', call.headers.get('www-authenticate')?.includes('invalid_token') === true)
  const again = await postMcp(`${url}/mcp`, (await client.signIn()).access_token, 'tools/list')
  check('the same client signs in again', again.status === 200, await again.text())
  return 'The client that had registered before signed in again without registering'
}
