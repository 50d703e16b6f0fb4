import { type Test, test } from 'tap'
import { type GrantRecord, StoreUnavailableError } from '../../../lib/store/store.ts'
import type { UpstreamTokens } from '../../../lib/upstream/oauth.ts'
import { createUncommittedTokens } from '../../../lib/upstream/uncommitted-tokens.ts'
import { commit, sealer, setUp, type UpstreamFixture } from './fixture.ts'

const TOKENS: UpstreamTokens = {
  accessToken: 'kept-access-token',
  refreshToken: 'kept-refresh-token',
  expiresAt: undefined,
  scope: undefined,
  userId: undefined,
}

/** Uncommitted tokens of one grant, and a store that can be unavailable. */
async function addTokens(t: Test) {
  const fixture = await setUp(t)
  const outage = { isOn: true, tries: 0 }
  const uncommitted = createUncommittedTokens({
    sealer,
    log: fixture.logger,
    store: {
      async commitUpstream(...args) {
        outage.tries += 1
        if (outage.isOn) throw new StoreUnavailableError(new Error('No response.'))
        return fixture.store.commitUpstream(...args)
      },
    },
  })
  const grant = await fixture.makeGrant()
  uncommitted.add(grant, TOKENS)
  t.teardown(() => uncommitted.close())
  return { ...fixture, outage, uncommitted, grant }
}

async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}

async function hasGeneration(
  fixture: UpstreamFixture,
  grant: GrantRecord,
  generation: number,
): Promise<boolean> {
  return (await fixture.read(grant)).generation === generation
}

test('uncommitted tokens are committed in the background once the store is back', async (t) => {
  const fixture = await addTokens(t)
  const { outage, uncommitted, grant } = fixture
  await waitFor(() => outage.tries >= 1)
  t.same(uncommitted.get(grant), TOKENS, 'an outage loses nothing')
  t.equal(await hasGeneration(fixture, grant, 0), true)
  outage.isOn = false
  await waitFor(() => hasGeneration(fixture, grant, 1))
  t.match(await fixture.read(grant), { status: 'active', accessToken: TOKENS.accessToken })
  await waitFor(() => uncommitted.get(grant) === undefined)
})

test('tokens that another instance has replaced are neither returned nor committed', async (t) => {
  const fixture = await addTokens(t)
  const { outage, uncommitted, grant, store } = fixture
  await commit(store, grant, 'token-of-another')
  const current = await store.readGrant(grant.id)
  t.ok(current)
  if (current !== undefined) t.equal(uncommitted.get(current), undefined)
  uncommitted.add(grant, TOKENS)
  outage.isOn = false
  await waitFor(() => uncommitted.get(grant) === undefined)
  t.match(await fixture.read(grant), { generation: 1, accessToken: 'token-of-another' })
})

test('closing commits a last time, and logs tokens that are lost', async (t) => {
  const saved = await addTokens(t)
  saved.outage.isOn = false
  await saved.uncommitted.close()
  t.match(await saved.read(saved.grant), { generation: 1, accessToken: TOKENS.accessToken })
  t.notMatch(saved.log.join(''), 'lost with this process')

  const lost = await addTokens(t)
  await lost.uncommitted.close()
  t.match(lost.log.join(''), 'renewed tokens are lost with this process')
  t.notMatch([...saved.log, ...lost.log].join(''), /kept-(access|refresh)-token/)
})
