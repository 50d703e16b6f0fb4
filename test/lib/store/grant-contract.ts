import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { createToken, hashToken } from '../../../lib/crypto/hash.ts'
import type { GrantRecord, Store } from '../../../lib/store/store.ts'
import {
  AFTERWARDS,
  BRIEF,
  DAY,
  MINUTE,
  makeActiveGrant,
  makeGrant,
  makeRotation,
  plain,
} from './store-samples.ts'

const ACTIVATED = { outcome: 'activated', superseded: [] }
const REFUSED = { outcome: 'refused' }

export async function testGrants(t: Test, store: Store): Promise<void> {
  await t.test('a grant is read as it was written', async (t) => {
    const grant = makeGrant()
    await store.createGrant(grant, MINUTE)
    t.same(plain(await store.readGrant(grant.id)), plain(grant))
    const bare = makeGrant({ scope: [], skills: [], clientName: '' })
    bare.upstream.expiresAt = undefined
    await store.createGrant(bare, MINUTE)
    t.same(plain(await store.readGrant(bare.id)), plain(bare))
    const limited = makeGrant({ organizationId: '41001' })
    await store.createGrant(limited, MINUTE)
    t.same(plain(await store.readGrant(limited.id)), plain(limited))
  })

  await t.test('an unknown grant is undefined', async (t) => {
    t.equal(await store.readGrant('unknown'), undefined)
    t.same(await store.activateGrant(makeGrant({ id: 'unknown' }), 'refresh', DAY, 20), REFUSED)
    t.equal(await store.revokeGrant('unknown', 'user_request'), undefined)
    await t.resolves(store.touchGrant('unknown'))
  })

  await t.test('a grant that is not redeemed expires; an activated one stays', async (t) => {
    const [left, redeemed] = [makeGrant(), makeGrant()]
    await store.createGrant(left, BRIEF)
    await store.createGrant(redeemed, BRIEF)
    t.same(await store.activateGrant(redeemed, 'refresh', MINUTE, 20), ACTIVATED)
    await sleep(AFTERWARDS)
    t.equal(await store.readGrant(left.id), undefined)
    t.same(await store.activateGrant(left, 'refresh', MINUTE, 20), REFUSED)
    t.match(await store.readGrant(redeemed.id), { status: 'active' })
  })

  await t.test('a grant is activated once', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    t.same(await store.activateGrant(grant, 'another', DAY, 20), REFUSED)
    t.match(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'rotated' })
  })

  await t.test('an unused grant expires', async (t) => {
    const grant = makeGrant()
    await store.createGrant(grant, MINUTE)
    await store.activateGrant(grant, 'refresh', BRIEF, 20)
    await sleep(AFTERWARDS)
    t.equal(await store.readGrant(grant.id), undefined)
  })

  await t.test('neither activation nor rotation extends a grant beyond its expiry', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store, { expiresAt: Date.now() + BRIEF })
    t.match(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'rotated' })
    await sleep(AFTERWARDS)
    t.equal(await store.readGrant(grant.id), undefined)
  })

  await t.test('touching a grant records its use at most once a minute', async (t) => {
    const now = Date.now()
    const [idle, busy] = [makeGrant({ lastUsedAt: now - 61_000 }), makeGrant({ lastUsedAt: now - 50_000 })]
    for (const grant of [idle, busy]) {
      await store.createGrant(grant, MINUTE)
      await store.touchGrant(grant.id)
    }
    t.ok(((await store.readGrant(idle.id))?.lastUsedAt ?? 0) >= now)
    t.equal((await store.readGrant(busy.id))?.lastUsedAt, now - 50_000)
  })

  await t.test(
    'a later time until which Sentry takes no requests of a user replaces an earlier one',
    async (t) => {
      const subject = createToken()
      const now = Date.now()
      t.equal(await store.readDeferral(subject), undefined)
      for (const until of [now + 5000, now + 9000.4, now + 2000]) await store.deferUpstream(subject, until)
      t.equal(await store.readDeferral(subject), now + 9000)
      t.equal(await store.readDeferral(`${subject}1`), undefined, 'it is of one user')
      const other = createToken()
      await store.deferUpstream(other, Date.now() + 60)
      await sleep(120)
      t.equal(await store.readDeferral(other), undefined, 'it ends by time')
    },
  )

  await t.test('revoking returns the grant as it was and deletes its secrets', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    t.match(await store.revokeGrant(grant.id, 'user_request'), {
      status: 'active',
      upstream: { sealed: 'v1.key.sealed-upstream' },
    })
    const revoked = await store.readGrant(grant.id)
    t.match(revoked, { status: 'revoked', reason: 'user_request', upstream: { sealed: '', generation: 0 } })
    t.equal(revoked?.upstream.expiresAt, undefined)
    t.match(await store.revokeGrant(grant.id, 'superseded'), { status: 'revoked', reason: 'user_request' })
    t.match(await store.readGrant(grant.id), { reason: 'user_request' })
    t.same(await store.rotateRefreshToken(grant.id, makeRotation(refresh)), { outcome: 'revoked' })
    t.same(await store.activateGrant(grant, 'refresh', DAY, 20), REFUSED)
  })
}

export async function testSubjects(t: Test, store: Store): Promise<void> {
  const superseded: GrantRecord[] = []
  const activate = async (changes: Partial<GrantRecord>, limit = 20) => {
    const grant = makeGrant(changes)
    await store.createGrant(grant, MINUTE)
    const activation = await store.activateGrant(grant, hashToken(grant.id), DAY, limit)
    if (activation.outcome === 'activated') superseded.push(...activation.superseded)
    return grant.id
  }
  const list = async (subject: string) => (await store.listGrants(subject)).map(({ id }) => id)

  await t.test('the list of a subject has its own redeemed grants, newest first', async (t) => {
    const subject = createToken()
    const now = Date.now()
    const middle = await activate({ subject, createdAt: now - 2_000 })
    const newest = await activate({ subject, createdAt: now - 1_000, clientId: 'client-2' })
    const oldest = await activate({ subject, createdAt: now - 3_000 })
    await activate({})
    await store.createGrant(makeGrant({ subject }), MINUTE)
    t.same(await list(subject), [newest, middle, oldest])
    await store.requireSignIn(middle, 0)
    await store.revokeGrant(newest, 'user_request')
    t.same(await list(subject), [middle, oldest])
    t.same(await list('unknown'), [])
  })

  await t.test('expired grants leave the list', async (t) => {
    const subject = createToken()
    const brief = await activate({ subject, expiresAt: Date.now() + BRIEF })
    t.same(await list(subject), [brief])
    const lasting = await activate({ subject })
    await sleep(AFTERWARDS)
    t.same(await list(subject), [lasting])
  })

  await t.test('beyond the limit the least recently used grant of a client is superseded', async (t) => {
    const subject = createToken()
    const ids = [await activate({ subject }, 3)]
    const other = await activate({ subject, clientId: 'client-2' }, 3)
    for (const _ of [2, 3]) {
      await sleep(2)
      ids.push(await activate({ subject }, 3))
    }
    const [first = '', second = '', third = ''] = ids
    await sleep(2)
    await store.rotateRefreshToken(first, makeRotation(hashToken(first)))
    await sleep(2)
    const fourth = await activate({ subject }, 3)
    t.match(await store.readGrant(second), { status: 'revoked', reason: 'superseded' })
    const reported = superseded.splice(0)
    t.match(reported, [{ id: second, status: 'active', upstream: { sealed: 'v1.key.sealed-upstream' } }])
    t.equal(reported.length, 1)
    t.same(new Set(await list(subject)), new Set([first, third, fourth, other]))
  })

  await t.test(
    'a user has at most 200 grants, over all clients, and the least recently used goes',
    async (t) => {
      const subject = createToken()
      const ids: string[] = []
      for (let number = 0; number < 200; number += 1) {
        ids.push(await activate({ subject, clientId: `client-${number}` }))
      }
      superseded.length = 0
      await sleep(2)
      const [first = '', second = '', third = ''] = ids
      const rotation = makeRotation(hashToken(first), { clientId: 'client-0' })
      t.match(await store.rotateRefreshToken(first, rotation), { outcome: 'rotated' })
      await store.revokeGrant(third, 'user_request')
      await sleep(5)
      const again = await activate({ subject, clientId: 'client-200' })
      t.same(superseded.splice(0), [], 'a revoked grant does not count')
      const last = await activate({ subject, clientId: 'client-201' })
      t.same(
        superseded.splice(0).map(({ id }) => id),
        [second],
      )
      const listed = new Set(await list(subject))
      t.equal(listed.size, 200)
      for (const id of [first, again, last]) t.ok(listed.has(id))
    },
  )

  await t.test('50 concurrent sign-ins leave as many grants as the limit allows', async (t) => {
    const subject = createToken()
    await Promise.all(Array.from({ length: 50 }, () => activate({ subject }, 5)))
    t.equal((await store.listGrants(subject)).length, 5)
    const reported = superseded.splice(0).map(({ id }) => id)
    t.equal(reported.length, 45, 'each of the others is reported')
    t.equal(new Set(reported).size, 45, 'once')
  })

  await t.test('a scan returns every grant that is not revoked, redeemed or not', async (t) => {
    const subject = createToken()
    const [revoked, asking, active] = [
      await activate({ subject }),
      await activate({ subject }),
      await activate({ subject }),
    ]
    const unredeemed = Array.from({ length: 450 }, () => makeGrant({ subject }))
    await Promise.all(unredeemed.map((grant) => store.createGrant(grant, MINUTE)))
    await store.revokeGrant(revoked, 'user_request')
    await store.requireSignIn(asking, 0)
    const found = new Set<string>()
    let cursor: string | undefined
    do {
      const { grants, next } = await store.scanGrants(cursor)
      for (const grant of grants) if (grant.subject === subject) found.add(grant.id)
      cursor = next
    } while (cursor !== undefined)
    t.same(found, new Set([asking, active, ...unredeemed.map(({ id }) => id)]))
  })
}
