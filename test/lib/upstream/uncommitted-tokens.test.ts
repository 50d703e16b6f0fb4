import { type Test, test } from 'tap'
import { type GrantRecord, StoreUnavailableError } from '../../../lib/store/store.ts'
import type { UpstreamTokens } from '../../../lib/upstream/oauth.ts'
import { createUncommittedTokens } from '../../../lib/upstream/uncommitted-tokens.ts'
import { commit, type Scene, sealer, setUp } from './fixture.ts'

const TOKENS: UpstreamTokens = {
  accessToken: 'kept-access-token',
  refreshToken: 'kept-refresh-token',
  expiresAt: undefined,
  scope: undefined,
  userId: undefined,
}

/** Kept tokens of one grant, in front of a store that can be away. */
async function keepTokens(t: Test) {
  const scene = await setUp(t)
  const outage = { isOn: true, tries: 0 }
  const kept = createUncommittedTokens({
    sealer,
    log: scene.logger,
    store: {
      async commitUpstream(...args) {
        outage.tries += 1
        if (outage.isOn) throw new StoreUnavailableError(new Error('No answer.'))
        return scene.store.commitUpstream(...args)
      },
    },
  })
  const grant = await scene.makeGrant()
  kept.keep(grant, TOKENS)
  t.teardown(() => kept.close())
  return { ...scene, outage, kept, grant }
}

async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}

async function hasGeneration(scene: Scene, grant: GrantRecord, generation: number): Promise<boolean> {
  return (await scene.read(grant)).generation === generation
}

test('kept tokens are committed once the store is back, without anybody asking', async (t) => {
  const scene = await keepTokens(t)
  const { outage, kept, grant } = scene
  await waitFor(() => outage.tries >= 1)
  t.same(kept.find(grant), TOKENS, 'an outage loses nothing')
  t.equal(await hasGeneration(scene, grant, 0), true)
  outage.isOn = false
  await waitFor(() => hasGeneration(scene, grant, 1))
  t.match(await scene.read(grant), { status: 'active', accessToken: TOKENS.accessToken })
  await waitFor(() => kept.find(grant) === undefined)
})

test('what somebody else has committed since is neither handed out nor overwritten', async (t) => {
  const scene = await keepTokens(t)
  const { outage, kept, grant, store } = scene
  await commit(store, grant, 'token-of-another')
  const current = await store.readGrant(grant.id)
  t.ok(current)
  if (current !== undefined) t.equal(kept.find(current), undefined)
  kept.keep(grant, TOKENS)
  outage.isOn = false
  await waitFor(() => kept.find(grant) === undefined)
  t.match(await scene.read(grant), { generation: 1, accessToken: 'token-of-another' })
})

test('the end of the process is a last chance, and what is lost then is said', async (t) => {
  const saved = await keepTokens(t)
  saved.outage.isOn = false
  await saved.kept.close()
  t.match(await saved.read(saved.grant), { generation: 1, accessToken: TOKENS.accessToken })
  t.notMatch(saved.log.join(''), 'lost with this process')

  const lost = await keepTokens(t)
  await lost.kept.close()
  t.match(lost.log.join(''), 'renewed tokens are lost with this process')
  t.notMatch([...saved.log, ...lost.log].join(''), /kept-(access|refresh)-token/)
})
