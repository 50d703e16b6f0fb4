import { mock } from 'node:test'
import { test } from 'tap'
import { StoreUnavailableError } from '../../../lib/store/store.ts'
import { SignInRequiredError } from '../../../lib/upstream/access.ts'
import { UpstreamUnavailableError } from '../../../lib/upstream/request.ts'
import { openUpstream } from '../../../lib/upstream/sealed-tokens.ts'
import type { Fault } from '../../sandbox/sentry/faults.ts'
import type { SentrySandbox } from '../../sandbox/sentry/server.ts'
import { commit, expectNoSecretLogged, sealer, setUp } from './fixture.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const MARGIN = 2 * MINUTE

test('a refused renewal ends no grant while Sentry accepts the access token', async (t) => {
  const { sentry, createAccess, makeGrant, read } = await setUp(t)
  sentry.fail('/oauth/token/', { kind: 'status', status: 400, body: { error: 'invalid_grant' } })
  const grant = await makeGrant()
  const token = await createAccess().getAccessToken(grant, MARGIN)
  t.match(await read(grant), { status: 'active', generation: 0, accessToken: token })
})

test('a refused renewal with an invalid access token requires a sign-in', async (t) => {
  const { sentry, createAccess, makeGrant, read } = await setUp(t)
  const { accessToken, refreshToken } = sentry.issueTokens()
  const grant = await makeGrant(HOUR, { accessToken, refreshToken })
  sentry.revokeToken(accessToken)
  await t.rejects(createAccess().renewAccessToken(grant), SignInRequiredError)
  t.match(await read(grant), { status: 'sign_in_required' })
  t.strictSame(
    sentry.requests.map(({ path }) => path),
    ['/oauth/token/', '/api/0/organizations/'],
    'it asked for the token itself before',
  )
})

test('a refused renewal whose access token cannot be probed ends no grant', async (t) => {
  const { sentry, createAccess, makeGrant, read } = await setUp(t)
  const { accessToken } = sentry.issueTokens()
  const grant = await makeGrant(HOUR, { accessToken, refreshToken: 'dead' })
  sentry.revokeToken(accessToken)
  for (const fault of [
    { kind: 'status', status: 500 },
    { kind: 'html', status: 503 },
    { kind: 'reset' },
  ] as Fault[]) {
    sentry.fail('/api/0/', fault, 1)
    await t.rejects(createAccess().renewAccessToken(grant), UpstreamUnavailableError)
    t.match(await read(grant), { status: 'active', generation: 0 })
  }
})

test('a rejected application ends no grant, and is logged', async (t) => {
  const { sentry, createAccess, makeGrant, read, log } = await setUp(t)
  const [lasting, ended] = [await makeGrant(), await makeGrant(-MINUTE)]
  const kept = openUpstream(lasting, sealer).accessToken
  for (const error of [
    'invalid_client',
    'unauthorized_client',
    'invalid_request',
    'unsupported_grant_type',
  ]) {
    sentry.fail('/oauth/token/', { kind: 'status', status: 401, body: { error } }, 2)
    t.equal(await createAccess().getAccessToken(lasting, MARGIN), kept, error)
    await t.rejects(createAccess().getAccessToken(ended, MARGIN), UpstreamUnavailableError, error)
  }
  for (const grant of [lasting, ended]) t.match(await read(grant), { status: 'active', generation: 0 })
  t.match(log.join(''), 'check SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET')
  await createAccess().getAccessToken(ended, MARGIN)
  t.match(await read(ended), { status: 'active', generation: 1 }, 'once it is mended, all is well')
})

const OUTAGES: Record<string, Fault> = {
  'a 500': { kind: 'status', status: 500 },
  'a 429': { kind: 'status', status: 429, retryAfter: 30 },
  'a page': { kind: 'html' },
  'half an response': { kind: 'truncated' },
  'a reset': { kind: 'reset' },
  silence: { kind: 'hang', ms: 30_000 },
}

test('during an outage of Sentry the grant stays, and the token is used until it expires', async (t) => {
  const { sentry, createAccess, makeGrant, read } = await setUp(t)
  for (const [name, fault] of Object.entries(OUTAGES)) {
    const [lasting, ended] = [await makeGrant(), await makeGrant(-MINUTE)]
    const heal = sentry.fail('/oauth/token/', fault)
    const [kept, refused] = await Promise.allSettled(
      [lasting, ended].map((grant) => createAccess().getAccessToken(grant, MARGIN)),
    )
    t.match(kept, { value: openUpstream(lasting, sealer).accessToken }, name)
    t.match(refused, { reason: UpstreamUnavailableError }, name)
    for (const grant of [lasting, ended]) t.match(await read(grant), { status: 'active', generation: 0 })
    heal()
    if (fault.kind === 'truncated') continue
    await createAccess().getAccessToken(ended, MARGIN)
    t.match(await read(ended), { status: 'active', generation: 1 }, `${name}: it continues`)
  }
})

test('after a lost response of Sentry, only a grant whose token is invalid is ended', async (t) => {
  const { sentry, createAccess, makeGrant, read, log } = await setUp(t)
  const grant = await makeGrant()
  sentry.fail('/oauth/token/', { kind: 'lost-answer' }, 1)
  await createAccess().getAccessToken(grant, MARGIN)
  t.match(await read(grant), { status: 'active', generation: 0 })
  await t.rejects(createAccess().getAccessToken(grant, MARGIN), SignInRequiredError)
  t.match(await read(grant), { status: 'sign_in_required' })
  t.match(log.join(''), 'cut short earlier; its outcome is unknown')
})

test('after a lost response of the store, the committed tokens are used', async (t) => {
  const { sentry, store, createAccess, makeGrant, read, log } = await setUp(t)
  let lost = 0
  const access = createAccess({
    store: {
      async commitUpstream(...commit) {
        const outcome = await store.commitUpstream(...commit)
        if (lost++ === 0) throw new StoreUnavailableError(new Error('No response.'))
        return outcome
      },
    },
  })
  const grant = await makeGrant()
  const token = await access.getAccessToken(grant, MARGIN)
  t.match(await read(grant), { status: 'active', generation: 1, accessToken: token })
  t.equal(sentry.counters.refreshes, 1)
  t.notMatch(log.join(''), 'two renewals')
})

test('tokens that the store does not accept are kept, and committed before the next renewal', async (t) => {
  const { sentry, store, createAccess, makeGrant, read, log } = await setUp(t)
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  let isAway = true
  const access = createAccess({
    store: {
      async commitUpstream(...commit) {
        if (!isAway) return store.commitUpstream(...commit)
        mock.timers.tick(2_000)
        throw new StoreUnavailableError(new Error('No response in 2000 ms.'))
      },
    },
  })
  const grant = await makeGrant()
  await t.rejects(access.getAccessToken(grant, MARGIN), StoreUnavailableError, 'and are not used before')
  t.match(log.join(''), 'renewed tokens could not be stored; kept in memory')
  t.match(await read(grant), { status: 'active', generation: 0 })

  isAway = false
  const token = await access.getAccessToken(grant, MARGIN)
  t.match(await read(grant), { status: 'active', generation: 1, accessToken: token })
  t.equal(sentry.counters.refreshes, 1)
  t.equal(sentry.counters.refusedRefreshes, 0)
  t.equal(await askSentry(sentry, token), 200, 'Sentry takes it')
})

test('of two renewals at once, the committed one counts', async (t) => {
  const { sentry, oauth, store, createAccess, makeGrant, read, log } = await setUp(t)
  const grant = await makeGrant()
  const other = sentry.issueTokens()
  const access = createAccess({
    oauth: {
      async refresh(token) {
        await commit(store, grant, other.accessToken)
        return oauth.refresh(token)
      },
    },
  })
  t.equal(await access.getAccessToken(grant, MARGIN), other.accessToken)
  t.match(await read(grant), { status: 'active', generation: 1 })
  t.match(log.join(''), 'two renewals of one grant met')
})

test('an instance whose tokens another has replaced uses the other’s', async (t) => {
  const { sentry, store, createAccess, makeGrant, read } = await setUp(t)
  const grant = await makeGrant(MINUTE, { refreshToken: 'dead' })
  const other = sentry.issueTokens()
  const access = createAccess({
    oauth: {
      async probe() {
        await commit(store, grant, other.accessToken)
        return false
      },
    },
  })
  t.equal(await access.getAccessToken(grant, MARGIN), other.accessToken)
  t.match(await read(grant), { status: 'active', generation: 1 })
})

test('no secret was logged', async (t) => {
  expectNoSecretLogged(t)
})

async function askSentry(sentry: SentrySandbox, token: string): Promise<number> {
  const response = await fetch(`${sentry.url}/api/0/organizations/`, {
    headers: { authorization: `Bearer ${token}` },
  })
  await response.text()
  return response.status
}
