import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { registerClient, type Tokens } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import type { Lifetime } from '../support/service.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { readReadiness } from './instance.ts'
import type { Journal, Notes } from './journal.ts'
import { isPassing, isWell, KINDS, startProbes } from './probes.ts'
import { waitUntil } from './wait-until.ts'

/** What a client may wait for an answer while Redis is away, in ms, and for the service afterwards. */
const ANSWER_LIMIT = 2_500
const RECOVERY_LIMIT = 3_000

/** Sign-ins that were there before anything failed, and that nobody uses meanwhile. */
const BYSTANDERS = 20

const AWAY = '503 `temporarily_unavailable` with `Retry-After`'

interface Fault {
  name: string
  answer: string
  /** How long it lasts, in ms. */
  lasts: number
  /** What still works meanwhile. */
  unaffected: readonly string[]
  /** Whether what was answered 503 may have happened. */
  mayHaveActed?: boolean
  begin(): Promise<unknown>
  end(): Promise<unknown>
}

/** Redis in every state that is not well, behind two instances and nginx. */
export async function testRedisFaults(t: Lifetime, journal: Journal): Promise<void> {
  const chapter = journal.begin('Redis')
  // Counting requests is a use of Redis too; the limits are never reached.
  const settings = { RATE_LIMIT_MCP: '1000000', RATE_LIMIT_OAUTH: '1000000' }
  const cluster = await startCluster(t, { settings })
  const witness = watch(t, cluster)
  for (const fault of listFaults(cluster, witness)) {
    await chapter.record(fault.name, fault.answer, (notes) => undergo(cluster, fault, notes))
  }
  await chapter.record(
    '`FLUSHALL` in the middle of everything',
    'Each is told that its sign-in is gone: a page, `invalid_grant`, 401. The same client signs in again',
    (notes) => flush(cluster, witness, notes),
  )

  const loading = await startSlowLoader(t, settings)
  await chapter.record('Started again, and `LOADING` for 2 s', `${AWAY} until it has loaded`, async (notes) =>
    undergo(loading.cluster, loading.fault, notes),
  )
}

/** A Redis that loads 10 ms for each key, and has an ear for clients meanwhile. */
async function startSlowLoader(t: Lifetime, settings: Record<string, string>) {
  const slow = ['--key-load-delay', '10000', '--loading-process-events-interval-bytes', '1024']
  const cluster = await startCluster(t, { settings, redis: [...slow, '--rdbcompression', 'no'] })
  const witness = watch(t, cluster)
  const filler = 'x'.repeat(100)
  await Promise.all(Array.from({ length: 200 }, (_, key) => witness.set(`filler-${key}`, filler)))
  const readState = () => witness.info('persistence').catch(() => '')
  const fault: Fault = {
    ...{ name: '', answer: '', lasts: 0, unaffected: [] },
    async begin() {
      // Clients are heard while it loads an image of its data, and not while it repeats commands.
      await witness.bgrewriteaof()
      await waitUntil(async () =>
        /aof_rewrite_in_progress:0.*aof_rewrite_scheduled:0/s.test(await readState()),
      )
      await cluster.redis.restart()
    },
    async end() {
      await waitUntil(async () => /^loading:0/m.test(await readState()), 20_000)
    },
  }
  return { cluster, fault }
}

/** A connection for whoever looks on. */
function watch(t: Lifetime, { redis }: Cluster): Redis {
  const witness = new Redis(redis.url, {
    retryStrategy: () => 50,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
  })
  witness.on('error', () => undefined)
  t.teardown(() => witness.disconnect())
  return witness
}

function listFaults({ redis, relay }: Cluster, witness: Redis): Fault[] {
  const readable = 'Tool calls work; what has to be written is answered 503'
  return [
    {
      ...{ name: 'Killed, and started again after 2 s', answer: AWAY, lasts: 2_000, unaffected: [] },
      begin: () => redis.kill(),
      end: () => redis.restart(),
    },
    {
      ...{ name: 'Frozen for 5 s (SIGSTOP)', answer: AWAY, lasts: 5_000, unaffected: [] },
      mayHaveActed: true,
      begin: () => redis.freeze(),
      end: () => redis.thaw(),
    },
    {
      ...{ name: '500 ms away', answer: 'Everything works, slowly', lasts: 6_000, unaffected: KINDS },
      async begin() {
        relay.delay = 500
      },
      async end() {
        relay.delay = 0
      },
    },
    {
      ...{ name: 'Full (`OOM`, noeviction)', answer: readable, lasts: 1_500, unaffected: ['call'] },
      begin: () => witness.config('SET', 'maxmemory', '1'),
      end: () => witness.config('SET', 'maxmemory', '0'),
    },
    {
      ...{ name: 'A replica that takes no writes', answer: readable, lasts: 1_500, unaffected: [] },
      // The primary is nowhere, so that nothing is replaced by its data.
      begin: () => witness.replicaof('127.0.0.1', '1'),
      end: () => witness.replicaof('NO', 'ONE'),
    },
    {
      ...{ name: 'Another password', answer: AWAY, lasts: 1_500, unaffected: [] },
      async begin() {
        await witness.config('SET', 'requirepass', 'another')
        await witness.call('CLIENT', 'KILL', 'TYPE', 'normal')
      },
      end: () => witness.config('SET', 'requirepass', ''),
    },
  ]
}

/** Lets it happen while clients go on asking. Returns the figures. */
async function undergo(cluster: Cluster, fault: Fault, { expect }: Notes): Promise<string> {
  const { url, instances } = cluster
  const [first] = instances
  const client = await registerClient(url)
  const [caller, refresher] = [await client.signIn(), await client.signIn()]
  const bystanders: Tokens[] = []
  for (let port = 42_000; port < 42_000 + BYSTANDERS; port += 1) {
    bystanders.push(await (await registerClient(url, `http://127.0.0.1:${port}/callback`)).signIn())
  }
  const probes = startProbes(url, client.id, caller, refresher)
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  await waitUntil(() => probes.listWell(0).size === KINDS.length)

  const beganAt = Date.now()
  await fault.begin()
  const [redeemed] = await Promise.all([client.redeem(code).then(readAnswer), sleep(fault.lasts)])
  const meanwhile = await Promise.all([readReadiness(first), isAlive(first)])
  await fault.end()
  const endedAt = Date.now()
  const recovery = await waitUntil(async () => {
    const isServed = probes.listWell(endedAt).size === KINDS.length
    return (
      isServed && (await Promise.all(instances.map(readReadiness))).every(({ status }) => status === 'ready')
    )
  })
  const acknowledged = await probes.stop()
  const repeated = redeemed.status === 200 ? redeemed : await client.redeem(code).then(readAnswer)
  expect('a code is taken, or kept', [200, 503].includes(redeemed.status), redeemed)
  // Frozen, it may have got the order all the same: then nobody is given anything, and the user signs in again.
  const isSpent = fault.mayHaveActed === true && repeated.text.includes('invalid_grant')
  expect('a code that was kept is taken afterwards', repeated.status === 200 || isSpent, repeated)

  const answers = probes.answers.filter(({ startedAt }) => startedAt >= beganAt)
  const others = answers.filter((answer) => !isWell(answer) && !isPassing(answer))
  expect('every answer is a success or a 503', others.length === 0, others.slice(0, 3))
  const refused = answers.filter(({ status }) => status === 503)
  const spoilt = refused.filter(({ kind }) => fault.unaffected.includes(kind))
  expect('what needs nothing that is missing works', spoilt.length === 0, spoilt.slice(0, 3))
  const slowest = Math.max(0, ...refused.map(({ took }) => took))
  expect('a 503 comes in time', slowest <= ANSWER_LIMIT, slowest)
  expect('it works again in time', recovery !== undefined && recovery <= RECOVERY_LIMIT, recovery)
  expect(
    'no process ended',
    instances.every(({ ending }) => ending === undefined),
  )
  expect('liveness does not depend on it', meanwhile[1])

  const lost = await countLost(url, [caller, acknowledged, ...bystanders])
  expect('no acknowledged grant is lost', lost.length === 0, lost)
  return `${refused.length} of ${answers.length} answered 503, after ${slowest} ms at the most; \`/health/ready\` said \`${meanwhile[0].status}\`; everything worked ${Math.max(recovery ?? 0, 1)} ms after; ${BYSTANDERS + 2} of ${BYSTANDERS + 2} sign-ins still good`
}

async function readAnswer(response: Response): Promise<{ status: number; text: string }> {
  return { status: response.status, text: await response.text() }
}

async function isAlive({ url }: { url: string }): Promise<boolean> {
  return (await fetch(`${url}/health`)).ok
}

/** Which of these sign-ins are gone: each has to open a call, and to be exchanged for another one. */
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

async function flush({ url }: Cluster, witness: Redis, { expect }: Notes): Promise<string> {
  const client = await registerClient(url)
  const tokens = await client.signIn()
  const consent = await client.open()
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  if (consent.kind !== 'page') throw new Error('The consent page did not come.')
  await witness.flushall()

  const [form] = consent.page.forms
  const allow = form?.buttons.find(({ value }) => value === 'allow')
  if (form === undefined || allow === undefined) throw new Error('The consent page has no button.')
  const page = await client.browser.submit(consent.page, form, allow)
  expect(
    'the consent page leads to a page that says what to do',
    page.kind === 'page' && page.page.status === 400 && /again/i.test(page.page.html),
    page.kind === 'page' ? [page.page.status, page.page.html.slice(-600)] : page.kind,
  )
  const redeemed = await client.redeem(code)
  const refreshed = await client.refresh(tokens.refresh_token)
  for (const response of [redeemed, refreshed]) {
    const text = await response.text()
    expect(
      'a code and a refresh token are invalid_grant',
      response.status === 400 && text.includes('invalid_grant'),
      text,
    )
  }
  const call = await postMcp(`${url}/mcp`, tokens.access_token, 'tools/list')
  expect('a call is 401', call.status === 401, await call.text())
  expect('and says why', call.headers.get('www-authenticate')?.includes('invalid_token') === true)
  const again = await postMcp(`${url}/mcp`, (await client.signIn()).access_token, 'tools/list')
  expect('the same client signs in again', again.status === 200, await again.text())
  return 'The client that had registered before signed in again without registering'
}
