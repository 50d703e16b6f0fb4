import { randomBytes } from 'node:crypto'
import { type Test, test } from 'tap'
import { startSentry } from '../sandbox/sentry/server.ts'
import { registerClient } from '../support/client.ts'
import { type Service, startService, useEmbeddedStore, useRedisStore } from '../support/service.ts'
import { until } from '../support/wait-until.ts'

const NINA = { id: '1002', name: 'Nina Holt', email: 'nina@tidewater.example' }

const TOO_MANY = { kind: 'status', status: 429, retryAfter: 40 } as const
const WAITS = /HTTP 429\)\. Wait (3\d|40) seconds/

for (const store of ['redis', 'embedded'] as const) {
  test(`after a 429 each client of the user waits without asking Sentry, with ${store} (RFC 6585 §4)`, async (t) => {
    const { sentry, call, signIn, refuse, countReads } = await start(t, store)
    const [mine, also] = [await signIn(), await signIn()]
    const machine = `Sentry-Bearer ${sentry.issueTokens().accessToken}`
    await call(machine)
    sentry.setUser(NINA)
    const hers = await signIn()
    await refuse(mine)
    const asked = countReads()
    t.match(await call(mine), WAITS)
    t.match(await call(also), WAITS, 'another client')
    t.match(await call(machine), WAITS, 'a token of the same user (Sentry-Bearer)')
    t.equal(countReads(), asked, 'Sentry was not asked')
    t.match(await call(hers), 'tidewater-books', 'another user is not concerned')
  })
}

test('after a 429 to a Sentry-Bearer token the clients of its user wait', async (t) => {
  const { sentry, call, signIn, refuse, countReads } = await start(t, 'redis')
  const mine = await signIn()
  await refuse(`Sentry-Bearer ${sentry.issueTokens().accessToken}`)
  const asked = countReads()
  t.match(await call(mine), WAITS)
  t.equal(countReads(), asked)
})

test('after a 429 at one instance the user waits at the other (RFC 6585 §4)', async (t) => {
  const { call, signIn, refuse, countReads, startAnother } = await start(t, 'redis')
  const other = await startAnother()
  const mine = await signIn()
  t.match(await call(mine, {}, other), 'tidewater-books')
  await refuse(mine)
  const asked = countReads()
  t.match(await call(mine, {}, other), WAITS)
  t.equal(countReads(), asked, 'Sentry was not asked')
})

test('while the time to wait cannot be read, Sentry is asked', async (t) => {
  const { service, call, signIn } = await start(t, 'embedded')
  const mine = await signIn()
  service.app.store.readDeferral = () => Promise.reject(new Error('The store is slow.'))
  t.match(await call(mine), 'tidewater-books')
})

test('a read on a connection that was reset is repeated once, a write never', async (t) => {
  const { sentry, call, signIn } = await start(t, 'embedded')
  const mine = await signIn()
  sentry.fail('GET /api/0/organizations/', { kind: 'reset' }, 1)
  t.match(await call(mine), 'tidewater-books')
  sentry.fail('GET /api/0/organizations/', { kind: 'reset' }, 2)
  t.match(await call(mine), 'could not be reached')
  sentry.fail('POST /api/0/organizations/', { kind: 'lost-answer' }, 1)
  const team = { organizationSlug: 'tidewater-books', name: 'Data' }
  t.match(await call(mine, { name: 'create_team', arguments: team }), 'could not be reached')
  t.equal(
    sentry.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/teams/')).length,
    1,
  )
})

async function start(t: Test, store: 'redis' | 'embedded') {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const settings: Record<string, string> = {
    ...(store === 'redis' ? await useRedisStore(t) : useEmbeddedStore(t)),
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    JWT_SIGNING_KEY: randomBytes(32).toString('base64'),
    SENTRY_TOKEN_PASSTHROUGH: 'true',
  }
  const service = await startService(t, { settings, sharedSentry: sentry })
  const client = await registerClient(service.url)

  async function signIn(): Promise<string> {
    return `Bearer ${(await client.signIn()).access_token}`
  }

  /** Calls a tool at an instance, whose port is not that of BASE_URL. */
  async function call(authorization: string, params: object = {}, { app }: Service = service) {
    const response = await app.inject({
      method: 'POST',
      url: '/mcp',
      headers: {
        ...{ authorization, host: new URL(service.url).host, accept: 'application/json, text/event-stream' },
        'mcp-protocol-version': '2025-06-18',
      },
      payload: {
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: { name: 'find_organizations', arguments: {}, ...params },
      },
    })
    return response.body
  }

  /** Has Sentry refuse a call, and waits until the store has its time, which is written in the background. */
  async function refuse(authorization: string): Promise<void> {
    sentry.fail('/api/0/organizations/', TOO_MANY, 1)
    t.match(await call(authorization), /HTTP 429\)\. Wait 40 seconds/)
    await until(
      'the time is in the store',
      async () => (await service.app.store.readDeferral('1001')) !== undefined,
    )
  }

  return {
    ...{ sentry, service, signIn, call, refuse },
    countReads: () => sentry.requests.filter(({ path }) => path.startsWith('/api/0/')).length,
    startAnother: () =>
      startService(t, { settings: { ...settings, BASE_URL: service.url }, sharedSentry: sentry }),
  }
}
