import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { createToken, hashToken } from '../../../lib/crypto/hash.ts'
import type { CodeProof, CodeRecord, Store } from '../../../lib/store/store.ts'
import { AFTERWARDS, BRIEF, countOutcomes, MINUTE, makeActiveGrant, makeRotation } from './store-samples.ts'

export async function testTransactions(t: Test, store: Store): Promise<void> {
  const begin = async (ttl = MINUTE) => {
    const id = hashToken(createToken())
    await store.saveTransaction(id, { browserHash: 'browser', sealed: 'asked' }, ttl)
    return id
  }

  await t.test('a transaction is read, approved and taken by the browser that began it', async (t) => {
    const id = await begin()
    t.same(await store.readTransaction(id, 'browser'), { outcome: 'ok', sealed: 'asked' })
    t.same(await store.approveTransaction(id, 'browser', 'first'), { outcome: 'ok', sealed: 'first' })
    t.same(await store.approveTransaction(id, 'browser', 'second'), { outcome: 'ok', sealed: 'second' })
    t.same(await store.readTransaction(id, 'browser'), { outcome: 'ok', sealed: 'second' })
    t.same(await store.takeTransaction(id, 'browser'), { outcome: 'ok', sealed: 'second' })
    t.same(await store.takeTransaction(id, 'browser'), { outcome: 'missing' })
  })

  await t.test('an unknown transaction is missing', async (t) => {
    t.same(await store.readTransaction('unknown', 'browser'), { outcome: 'missing' })
    t.same(await store.approveTransaction('unknown', 'browser', 'x'), { outcome: 'missing' })
    t.same(await store.takeTransaction('unknown', 'browser'), { outcome: 'missing' })
    t.same(await store.denyTransaction('unknown', 'browser'), { outcome: 'missing' })
  })

  await t.test('another browser can neither read, change nor take a transaction', async (t) => {
    const id = await begin()
    const refused = { outcome: 'other_browser' }
    t.same(await store.readTransaction(id, 'other'), refused)
    t.same(await store.approveTransaction(id, 'other', 'x'), refused)
    t.same(await store.denyTransaction(id, 'other'), refused)
    t.same(await store.takeTransaction(id, 'other'), refused)
    await store.approveTransaction(id, 'browser', 'mine')
    t.same(await store.takeTransaction(id, 'other'), refused)
    t.same(await store.takeTransaction(id, 'browser'), { outcome: 'ok', sealed: 'mine' })
  })

  await t.test('a transaction without consent cannot be taken, but can be denied', async (t) => {
    const id = await begin()
    t.same(await store.takeTransaction(id, 'browser'), { outcome: 'not_approved' })
    t.same(await store.denyTransaction(id, 'browser'), { outcome: 'ok', sealed: 'asked' })
    t.same(await store.readTransaction(id, 'browser'), { outcome: 'missing' })
  })

  await t.test('a transaction expires, approved or not', async (t) => {
    const [pending, approved] = [await begin(BRIEF), await begin(BRIEF)]
    await store.approveTransaction(approved, 'browser', 'x')
    await sleep(AFTERWARDS)
    t.same(await store.readTransaction(pending, 'browser'), { outcome: 'missing' })
    t.same(await store.takeTransaction(approved, 'browser'), { outcome: 'missing' })
  })

  await t.test('of 50 concurrent callbacks, exactly one takes the transaction', async (t) => {
    const id = await begin()
    await store.approveTransaction(id, 'browser', 'x')
    t.same(await countOutcomes(() => store.takeTransaction(id, 'browser')), { ok: 1, missing: 49 })
  })
}

export async function testCodes(t: Test, store: Store): Promise<void> {
  const code: CodeRecord = {
    clientId: 'client-1',
    redirectUriHash: 'redirect',
    codeChallenge: 'challenge',
    grantId: 'grant-1',
    resource: 'resource-1',
  }
  const proof: CodeProof = {
    clientId: 'client-1',
    redirectUriHash: 'redirect',
    codeChallenge: 'challenge',
    resource: undefined,
  }
  const issue = async (ttl = MINUTE) => {
    const hash = hashToken(createToken())
    await store.saveCode(hash, code, ttl)
    return hash
  }

  await t.test('a code is redeemed once, and a repeat learns how long ago (RFC 6749 §4.1.2)', async (t) => {
    const hash = await issue()
    t.same(await store.redeemCode(hash, proof, MINUTE), { outcome: 'redeemed', grantId: 'grant-1' })
    await sleep(BRIEF)
    const repeat = await store.redeemCode(hash, proof, MINUTE)
    t.match(repeat, { outcome: 'repeated', grantId: 'grant-1', elapsedMs: Number })
    if (repeat.outcome !== 'repeated') return
    t.ok(repeat.elapsedMs >= BRIEF - 5 && repeat.elapsedMs < MINUTE, 'since the first time, not the last')
  })

  await t.test('the first refresh shows that a grant has rotated (OAuth 2.1 §4.1.3)', async (t) => {
    const { grant, refresh } = await makeActiveGrant(store)
    t.equal(await store.hasRotated(grant.id), false)
    await store.rotateRefreshToken(grant.id, makeRotation(refresh))
    t.equal(await store.hasRotated(grant.id), true)
    await store.revokeGrant(grant.id, 'user_request')
    t.equal(await store.hasRotated(grant.id), false, 'a revoked grant')
    t.equal(await store.hasRotated('unknown'), false)
  })

  await t.test('the token request may omit the redirect URI (OAuth 2.1 §4.1.3)', async (t) => {
    const without = { ...proof, redirectUriHash: undefined }
    t.match(await store.redeemCode(await issue(), without, MINUTE), { outcome: 'redeemed' })
  })

  await t.test('an unknown code is missing', async (t) => {
    t.same(await store.redeemCode('unknown', proof, MINUTE), { outcome: 'missing' })
  })

  await t.test('another client cannot spend a code, nor learn that it was spent', async (t) => {
    const hash = await issue()
    const other = { ...proof, clientId: 'client-2' }
    t.same(await store.redeemCode(hash, other, MINUTE), { outcome: 'other_client' })
    t.match(await store.redeemCode(hash, proof, MINUTE), { outcome: 'redeemed' })
    t.same(await store.redeemCode(hash, other, MINUTE), { outcome: 'other_client' })
  })

  await t.test('another resource does not spend the code (RFC 8707 §2.2)', async (t) => {
    const hash = await issue()
    const other = { ...proof, resource: 'resource-2' }
    t.same(await store.redeemCode(hash, other, MINUTE), { outcome: 'other_resource' })
    t.match(await store.redeemCode(hash, { ...proof, resource: 'resource-1' }, MINUTE), {
      outcome: 'redeemed',
    })
    t.same(await store.redeemCode(hash, other, MINUTE), { outcome: 'other_resource' })
  })

  await t.test(
    'a wrong proof gets its error and changes nothing, before and after (RFC 7636 §4.6)',
    async (t) => {
      const hash = await issue()
      // In the order in which they are compared: each wrong value hides those after it.
      const wrong: [string, Partial<CodeProof>][] = [
        ['other_client', { clientId: 'x', resource: 'x', codeChallenge: 'x', redirectUriHash: 'x' }],
        ['other_resource', { resource: 'x', codeChallenge: 'x', redirectUriHash: 'x' }],
        ['wrong_verifier', { codeChallenge: 'x', redirectUriHash: 'x' }],
        ['wrong_redirect_uri', { redirectUriHash: 'x' }],
      ]
      const refuseAll = async () => {
        for (const [outcome, changes] of wrong)
          t.same(await store.redeemCode(hash, { ...proof, ...changes }, MINUTE), { outcome })
      }
      await refuseAll()
      t.match(await store.redeemCode(hash, proof, MINUTE), { outcome: 'redeemed' })
      await refuseAll()
      t.match(await store.redeemCode(hash, proof, MINUTE), { outcome: 'repeated' })
    },
  )

  await t.test('a wrong proof keeps no code alive', async (t) => {
    const hash = await issue(BRIEF)
    t.match(await store.redeemCode(hash, { ...proof, codeChallenge: 'x' }, MINUTE), {
      outcome: 'wrong_verifier',
    })
    await sleep(AFTERWARDS)
    t.same(await store.redeemCode(hash, proof, MINUTE), { outcome: 'missing' })
  })

  await t.test('a code expires, and so does the tombstone of a spent one', async (t) => {
    const [unused, spent] = [await issue(BRIEF), await issue(BRIEF)]
    await store.redeemCode(spent, proof, 3 * BRIEF)
    await sleep(AFTERWARDS)
    t.same(await store.redeemCode(unused, proof, MINUTE), { outcome: 'missing' })
    t.match(await store.redeemCode(spent, proof, MINUTE), { outcome: 'repeated' })
    await sleep(2 * BRIEF)
    t.same(await store.redeemCode(spent, proof, MINUTE), { outcome: 'missing' })
  })

  await t.test('of 50 concurrent redemptions, one is redeemed and 49 are repeats', async (t) => {
    const hash = await issue()
    const outcomes = await countOutcomes(() => store.redeemCode(hash, proof, MINUTE))
    t.same(outcomes, { redeemed: 1, repeated: 49 })
  })
}
