import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { createSealer, UnsealError } from '../../../lib/crypto/sealer.ts'
import { StoreUnavailableError } from '../../../lib/store/store.ts'
import { createUpstreamAccess, SignInRequiredError } from '../../../lib/upstream/access.ts'
import { UpstreamUnavailableError } from '../../../lib/upstream/request.ts'
import { openUpstream } from '../../../lib/upstream/sealed-tokens.ts'
import type { Fault } from '../../sandbox/sentry/faults.ts'
import { createEmbedded, createOnRedis, expectNoSecretLogged, sealer, setUp } from './fixture.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const MARGIN = 2 * MINUTE

test('a token that does not expire soon is used without a request', async (t) => {
  const { sentry, createAccess, makeGrant } = await setUp(t)
  const access = createAccess({ store: { readGrant: fail, lockUpstream: fail } })
  const { accessToken } = sentry.issueTokens()
  t.equal(await access.getAccessToken(await makeGrant(MARGIN + MINUTE, { accessToken }), MARGIN), accessToken)
  t.equal(
    await access.getAccessToken(await makeGrant(Number.POSITIVE_INFINITY, { accessToken }), MARGIN),
    accessToken,
  )
  t.equal(sentry.requests.length, 0)
})

test('a token that expires soon is renewed first, and both new tokens are stored', async (t) => {
  const { sentry, store, createAccess, makeGrant, read } = await setUp(t)
  const grant = await makeGrant(MARGIN - 1_000)
  const token = await createAccess().getAccessToken(grant, MARGIN)
  t.not(token, openUpstream(grant, sealer).accessToken)
  t.match(await read(grant), { status: 'active', generation: 1, accessToken: token })
  t.equal(sentry.counters.refreshes, 1)
  const renewed = await store.readGrant(grant.id)
  t.ok((renewed?.upstream.expiresAt ?? 0) > Date.now() + 29 * 24 * HOUR)
  t.equal(renewed?.upstream.renewalStartedAt, undefined)

  const again = await createAccess().renewAccessToken(renewed ?? grant)
  t.equal(sentry.counters.refreshes, 2, 'the refresh token that came with it is good')
  t.match(await read(grant), { generation: 2, accessToken: again })
})

test('a token without an expiry is renewed when Sentry refuses it', async (t) => {
  const { sentry, createAccess, makeGrant, read } = await setUp(t, { accessTokenTtl: null })
  const grant = await makeGrant(Number.POSITIVE_INFINITY)
  const token = await createAccess().renewAccessToken(grant)
  t.match(await read(grant), { generation: 1, accessToken: token })
  t.equal(sentry.counters.refreshes, 1)
})

for (const createStore of [createEmbedded, createOnRedis]) {
  test(`of a hundred callers on two instances, one renews (${createStore.name})`, async (t) => {
    const { sentry, createAccess, makeGrant, read } = await setUp(t, {}, createStore)
    const instances = [createAccess(), createAccess()]
    const grant = await makeGrant()
    const callers = Array.from({ length: 100 }, (_, number) => instances[number % 2])
    const tokens = await Promise.all(
      callers.map((access, number) =>
        number % 3 === 0 ? access?.renewAccessToken(grant) : access?.getAccessToken(grant, MARGIN),
      ),
    )
    t.equal(sentry.counters.refreshes, 1)
    t.equal(sentry.counters.refusedRefreshes, 0)
    t.same(new Set(tokens), new Set([(await read(grant)).accessToken]))
  })
}

test('callers in one process share one renewal and one lock', async (t) => {
  const { store, createAccess, makeGrant } = await setUp(t)
  let locks = 0
  const access = createAccess({
    store: {
      lockUpstream(...lock) {
        locks += 1
        return store.lockUpstream(...lock)
      },
    },
  })
  const grant = await makeGrant()
  await Promise.all(Array.from({ length: 50 }, () => access.getAccessToken(grant, MARGIN)))
  t.equal(locks, 1)
})

test('grants are renewed independently of each other', async (t) => {
  const { sentry, createAccess, makeGrant } = await setUp(t)
  const access = createAccess()
  const [good, bad] = [
    await makeGrant(),
    await makeGrant(MINUTE, { refreshToken: 'dead', accessToken: 'dead' }),
  ]
  const [token, refused] = await Promise.allSettled(
    [good, bad].map((grant) => access.getAccessToken(grant, MARGIN)),
  )
  t.equal(token?.status, 'fulfilled')
  t.match(refused, { status: 'rejected', reason: SignInRequiredError })
  t.equal(sentry.counters.refreshes, 1)
})

test('a caller with an outdated generation gets the current token without a renewal', async (t) => {
  const { sentry, createAccess, makeGrant } = await setUp(t)
  const grant = await makeGrant()
  const token = await createAccess().renewAccessToken(grant)
  t.equal(await createAccess().renewAccessToken(grant), token)
  t.equal(await createAccess().getAccessToken(grant, MARGIN), token)
  t.equal(sentry.counters.refreshes, 1)
})

test('no token is used before it is committed', async (t) => {
  const { store, createAccess, makeGrant } = await setUp(t)
  const events: string[] = []
  const access = createAccess({
    store: {
      async commitUpstream(...commit) {
        await sleep(50)
        const outcome = await store.commitUpstream(...commit)
        events.push(outcome)
        return outcome
      },
    },
  })
  const grant = await makeGrant()
  await Promise.all([1, 2].map(() => access.getAccessToken(grant, MARGIN).then(() => events.push('used'))))
  t.strictSame(events, ['committed', 'used', 'used'])
})

test('a renewal is marked in the store before Sentry is called', async (t) => {
  const { sentry, store, createAccess, makeGrant, read } = await setUp(t)
  const grant = await makeGrant()
  for (const name of ['markUpstreamRenewal', 'lockUpstream', 'readGrant'] as const) {
    const access = createAccess({ store: { [name]: failAsStore } })
    await t.rejects(access.getAccessToken(grant, MARGIN), StoreUnavailableError, name)
  }
  t.equal(sentry.requests.length, 0)
  t.match(await read(grant), { status: 'active', generation: 0 })

  sentry.fail('/oauth/token/', { kind: 'reset' }, 1)
  await createAccess().getAccessToken(grant, MARGIN)
  t.type((await store.readGrant(grant.id))?.upstream.renewalStartedAt, 'number')
})

test('without a refresh token the access token is used until Sentry refuses it', async (t) => {
  const { sentry, createAccess, makeGrant, read } = await setUp(t)
  const { accessToken } = sentry.issueTokens()
  const grant = await makeGrant(MINUTE, { accessToken, refreshToken: undefined })
  t.equal(await createAccess().getAccessToken(grant, MARGIN), accessToken)
  sentry.revokeToken(accessToken)
  await t.rejects(createAccess().getAccessToken(grant, MARGIN), SignInRequiredError)
  t.match(await read(grant), { status: 'sign_in_required' })
})

test('an ended grant requires a sign-in, without a request to Sentry', async (t) => {
  const { sentry, store, createAccess, makeGrant } = await setUp(t)
  const [revoked, waiting] = [await makeGrant(), await makeGrant()]
  await store.revokeGrant(revoked.id, 'user_request')
  await store.requireSignIn(waiting.id, 0)
  const unknown = await (await setUp(t)).makeGrant()
  for (const grant of [revoked, waiting, unknown]) {
    await t.rejects(
      createAccess().getAccessToken(grant, MARGIN),
      SignInRequiredError,
      'as the caller read it before',
    )
    const current = await store.readGrant(grant.id)
    if (current !== undefined) await t.rejects(createAccess().getAccessToken(current, 0), SignInRequiredError)
  }
  t.equal(sentry.requests.length, 0)
})

test('a grant that is revoked while its tokens are renewed stays revoked', async (t) => {
  const { oauth, store, createAccess, makeGrant } = await setUp(t)
  const grant = await makeGrant()
  const access = createAccess({
    oauth: {
      async refresh(token) {
        await store.revokeGrant(grant.id, 'user_request')
        return oauth.refresh(token)
      },
    },
  })
  await t.rejects(access.getAccessToken(grant, MARGIN), SignInRequiredError)
  t.match(await store.readGrant(grant.id), { status: 'revoked', upstream: { sealed: '' } })
})

test('a caller that waits too long for a renewal uses the current token until it expires', async (t) => {
  const { sentry, store, createAccess, makeGrant, read } = await setUp(t)
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  const access = createAccess({
    store: {
      lockUpstream(...lock) {
        mock.timers.tick(3_000)
        return store.lockUpstream(...lock)
      },
    },
  })
  const [lasting, ended] = [await makeGrant(), await makeGrant(-MINUTE)]
  for (const grant of [lasting, ended]) await store.lockUpstream(grant.id, 'another instance', HOUR)
  const kept = openUpstream(lasting, sealer).accessToken
  t.equal(await access.getAccessToken(lasting, MARGIN), kept)
  await t.rejects(access.getAccessToken(ended, MARGIN), UpstreamUnavailableError)
  for (const grant of [lasting, ended]) t.match(await read(grant), { status: 'active', generation: 0 })
  t.equal(sentry.requests.length, 0)
})

test('the lock is released after any outcome', async (t) => {
  const { sentry, store, createAccess, makeGrant } = await setUp(t)
  const faults: (Fault | undefined)[] = [
    undefined,
    { kind: 'reset' },
    { kind: 'status', status: 400, body: { error: 'invalid_grant' } },
    { kind: 'status', status: 401, body: { error: 'invalid_client' } },
  ]
  for (const fault of faults) {
    const grant = await makeGrant(-MINUTE)
    if (fault !== undefined) sentry.fail('/oauth/token/', fault, 1)
    await createAccess()
      .getAccessToken(grant, MARGIN)
      .catch(() => undefined)
    t.equal(await store.lockUpstream(grant.id, 'next', MINUTE), true)
  }
})

test('tokens sealed with an unknown key end no grant', async (t) => {
  const { sentry, oauth, store, logger, makeGrant } = await setUp(t)
  const other = createSealer(['another secret of thirty-two characters'])
  const access = createUpstreamAccess({ store, sealer: other, sentry: oauth, log: logger })
  for (const grant of [await makeGrant(HOUR), await makeGrant()]) {
    await t.rejects(access.getAccessToken(grant, MARGIN), UnsealError)
    t.match(await store.readGrant(grant.id), { status: 'active' })
  }
  t.equal(sentry.requests.length, 0)
})

test('no secret was logged', async (t) => {
  expectNoSecretLogged(t)
})

async function fail(): Promise<never> {
  throw new TypeError('No request was expected.')
}

async function failAsStore(): Promise<never> {
  throw new StoreUnavailableError(new Error('away'))
}
