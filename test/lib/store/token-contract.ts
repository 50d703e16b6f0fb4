import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { createToken } from '../../../lib/crypto/hash.ts'
import type { Store } from '../../../lib/store/store.ts'
import {
  AFTERWARDS,
  BRIEF,
  countOutcomes,
  DAY,
  MINUTE,
  makeActiveGrant,
  makeGrant,
  makeRotation,
  plain,
} from './store-samples.ts'

export async function testRefreshTokens(t: Test, store: Store): Promise<void> {
  await t.test('a refresh token is rotated, and its successor too (RFC 9700 §4.14.2)', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store, { lastUsedAt: 0 })
    const first = makeRotation(refresh)
    t.same(await store.rotateRefreshToken(grant.id, first), { outcome: 'rotated' })
    t.same(await store.rotateRefreshToken(grant.id, makeRotation(first.nextHash)), { outcome: 'rotated' })
    t.ok(((await store.readGrant(grant.id))?.lastUsedAt ?? 0) > Date.now() - MINUTE)
  })

  await t.test('within the grace the predecessor gets the same successor again', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    const first = makeRotation(refresh)
    await store.rotateRefreshToken(grant.id, first)
    t.same(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), {
      outcome: 'repeated',
      sealedSuccessor: first.sealedSuccessor,
      repeats: 1,
    })
    t.match(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { repeats: 2 })
    t.same(await store.rotateRefreshToken(grant.id, makeRotation(first.nextHash)), { outcome: 'rotated' })
  })

  await t.test('a predecessor whose successor was used is a reuse and revokes the grant', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    const first = makeRotation(refresh)
    await store.rotateRefreshToken(grant.id, first)
    await store.rotateRefreshToken(grant.id, makeRotation(first.nextHash))
    t.same(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'reused' })
    t.match(await store.readGrant(grant.id), {
      status: 'revoked',
      reason: 'refresh_token_reused',
      upstream: { sealed: '' },
    })
    t.same(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'revoked' })
    t.same(await store.listGrants(grant.subject), [])
  })

  await t.test('after the grace the predecessor is a reuse', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    await store.rotateRefreshToken(grant.id, makeRotation(refresh))
    await sleep(60)
    const late = makeRotation(refresh, { graceMs: 50 })
    t.same(await store.rotateRefreshToken(grant.id, late), { outcome: 'reused' })
  })

  await t.test('without a grace the predecessor is a reuse immediately', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    await store.rotateRefreshToken(grant.id, makeRotation(refresh))
    const again = makeRotation(refresh, { graceMs: 0 })
    t.same(await store.rotateRefreshToken(grant.id, again), { outcome: 'reused' })
  })

  await t.test('another client can neither use nor revoke a grant (RFC 6749 §10.4)', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    const other = { outcome: 'other_client' }
    const foreign = { clientId: 'client-2' }
    t.same(await store.rotateRefreshToken(grant.id, makeRotation(refresh, foreign)), other)
    t.same(await store.rotateRefreshToken(grant.id, makeRotation('made up', foreign)), other)
    t.same(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'rotated' })
  })

  await t.test('an unknown or unredeemed grant has no refresh token', async (t) => {
    const grant = makeGrant()
    await store.createGrant(grant, MINUTE)
    const missing = { outcome: 'missing' }
    t.same(await store.rotateRefreshToken('unknown', makeRotation('refresh')), missing)
    t.same(await store.rotateRefreshToken(grant.id, makeRotation('refresh')), missing)
    t.match(await store.readGrant(grant.id), { status: 'active' })
  })

  await t.test('a grant that requires sign-in cannot be refreshed', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    await store.requireSignIn(grant.id, 0)
    t.same(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'sign_in_required' })
    t.match(await store.readGrant(grant.id), { status: 'sign_in_required' })
  })

  await t.test('of 50 concurrent rotations of one token, one rotates and 49 get its successor', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    const rotations = Array.from({ length: 50 }, () => makeRotation(refresh))
    const results = await Promise.all(
      rotations.map(async (rotation) => ({
        ...(await store.rotateRefreshToken(grant.id, rotation)),
        rotation,
      })),
    )
    const winners = results.filter(({ outcome }) => outcome === 'rotated')
    t.equal(winners.length, 1)
    const successors = results.flatMap((result) =>
      result.outcome === 'repeated' ? [result.sealedSuccessor] : [],
    )
    t.equal(successors.length, 49)
    t.same(new Set(successors), new Set([winners[0]?.rotation.sealedSuccessor]))
  })
}

export async function testUpstream(t: Test, store: Store): Promise<void> {
  const renewed = { sealed: 'v1.key.renewed', expiresAt: Date.now() + 2 * DAY }

  await t.test('a renewal is committed only over the generation it read', async (t) => {
    const { grant } = await makeActiveGrant(store)
    await store.markUpstreamRenewal(grant.id, 0)
    const started = (await store.readGrant(grant.id))?.upstream.renewalStartedAt
    t.ok(Math.abs((started ?? 0) - Date.now()) < MINUTE)
    t.equal(await store.commitUpstream(grant.id, 0, renewed), 'committed')
    t.same(plain((await store.readGrant(grant.id))?.upstream), { ...renewed, generation: 1 })
    t.equal(await store.commitUpstream(grant.id, 0, { ...renewed, sealed: 'late' }), 'stale')
    await store.markUpstreamRenewal(grant.id, 0)
    t.same(plain((await store.readGrant(grant.id))?.upstream), { ...renewed, generation: 1 })
    t.equal(await store.commitUpstream(grant.id, 1, { sealed: 'endless', expiresAt: undefined }), 'committed')
    t.same(plain((await store.readGrant(grant.id))?.upstream), { sealed: 'endless', generation: 2 })
  })

  await t.test('of 50 concurrent renewals of one generation, one is committed', async (t) => {
    const { grant } = await makeActiveGrant(store)
    const outcomes = await countOutcomes(async () => ({
      outcome: await store.commitUpstream(grant.id, 0, renewed),
    }))
    t.same(outcomes, { committed: 1, stale: 49 })
  })

  await t.test('a renewal of an unknown or revoked grant writes nothing', async (t) => {
    const { grant } = await makeActiveGrant(store)
    await store.revokeGrant(grant.id, 'user_request')
    await store.markUpstreamRenewal(grant.id, 0)
    t.equal(await store.commitUpstream(grant.id, 0, renewed), 'gone')
    t.match(await store.readGrant(grant.id), { status: 'revoked', upstream: { sealed: '' } })
    t.equal((await store.readGrant(grant.id))?.upstream.renewalStartedAt, undefined)
    t.equal(await store.commitUpstream('unknown', 0, renewed), 'gone')
    t.equal(await store.readGrant('unknown'), undefined)
  })

  await t.test('a grant requires sign-in only for the generation that was found invalid', async (t) => {
    const { grant } = await makeActiveGrant(store)
    await store.commitUpstream(grant.id, 0, renewed)
    t.equal(await store.requireSignIn(grant.id, 0), false)
    t.match(await store.readGrant(grant.id), { status: 'active' })
    t.equal(await store.requireSignIn(grant.id, 1), true)
    t.equal(await store.requireSignIn(grant.id, 1), true)
    t.match(await store.readGrant(grant.id), { status: 'sign_in_required' })
    t.equal(await store.requireSignIn('unknown', 0), false)
    await store.revokeGrant(grant.id, 'user_request')
    t.equal(await store.requireSignIn(grant.id, 1), false)
  })

  await t.test('a late commit makes the grant active again', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    await store.requireSignIn(grant.id, 0)
    t.equal(await store.commitUpstream(grant.id, 0, renewed), 'committed')
    t.match(await store.readGrant(grant.id), { status: 'active' })
    t.match(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'rotated' })
  })

  await t.test('sealed tokens are replaced only if they are still the ones that were read', async (t) => {
    const { grant } = await makeActiveGrant(store)
    const { sealed, ...rest } = grant.upstream
    t.equal(await store.replaceSealedUpstream(grant.id, 'others', 'new'), false)
    t.equal(await store.replaceSealedUpstream(grant.id, sealed, 'new'), true)
    t.same(plain((await store.readGrant(grant.id))?.upstream), plain({ ...rest, sealed: 'new' }))
    t.equal(await store.replaceSealedUpstream(grant.id, sealed, 'late'), false)
    t.equal(await store.commitUpstream(grant.id, 0, renewed), 'committed', 'a renewal is unaffected')
    t.equal(await store.replaceSealedUpstream(grant.id, 'new', 'late'), false)
    t.match((await store.readGrant(grant.id))?.upstream, { sealed: renewed.sealed, generation: 1 })
    await store.revokeGrant(grant.id, 'user_request')
    t.equal(await store.replaceSealedUpstream(grant.id, renewed.sealed, 'late'), false)
    t.equal(await store.replaceSealedUpstream('unknown', sealed, 'new'), false)
    t.equal(await store.readGrant('unknown'), undefined)
  })

  await t.test('the renewal lock has one owner, expires, and only its owner releases it', async (t) => {
    const id = createToken()
    t.equal(await store.lockUpstream(id, 'first', BRIEF), true)
    t.equal(await store.lockUpstream(id, 'second', BRIEF), false)
    t.equal(await store.lockUpstream(createToken(), 'second', BRIEF), true)
    await store.unlockUpstream(id, 'second')
    t.equal(await store.lockUpstream(id, 'second', BRIEF), false)
    await sleep(AFTERWARDS)
    t.equal(await store.lockUpstream(id, 'second', MINUTE), true)
    await store.unlockUpstream(id, 'first')
    t.equal(await store.lockUpstream(id, 'third', MINUTE), false)
    await store.unlockUpstream(id, 'second')
    t.equal(await store.lockUpstream(id, 'third', MINUTE), true)
  })

  await t.test('of 50 concurrent attempts to lock, one succeeds', async (t) => {
    const id = createToken()
    const owners = Array.from({ length: 50 }, (_, index) => store.lockUpstream(id, `owner ${index}`, MINUTE))
    t.equal((await Promise.all(owners)).filter(Boolean).length, 1)
  })
}
