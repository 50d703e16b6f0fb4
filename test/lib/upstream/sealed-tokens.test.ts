import { test } from 'tap'
import { UnsealError } from '../../../lib/crypto/sealer.ts'
import type { GrantRecord } from '../../../lib/store/store.ts'
import { openUpstream } from '../../../lib/upstream/sealed-tokens.ts'
import { createEmbedded, sealer, setUp } from './fixture.ts'

const CHANGES: Partial<GrantRecord>[] = [
  { id: 'x'.repeat(43) },
  { clientId: 'client-2' },
  { clientName: 'Another' },
  { clientAuthMethod: 'private_key_jwt' },
  { subject: '1002' },
  { resource: 'https://mcp.example.com/mcp/acme' },
  { organizationId: '1' },
  { scope: ['project:admin'] },
  { skills: ['triage'] },
  { createdAt: 1 },
  { expiresAt: Number.MAX_SAFE_INTEGER },
]

test('every term of a grant is authenticated with its tokens, in every store (RFC 5116 §2.1)', async (t) => {
  const { makeGrant } = await setUp(t)
  const grant = await makeGrant()
  for (const change of CHANGES) {
    t.throws(() => openUpstream({ ...grant, ...change }, sealer), UnsealError, Object.keys(change).join())
  }
  const used: GrantRecord = { ...grant, lastUsedAt: 1, status: 'sign_in_required', reason: 'user_request' }
  t.ok(openUpstream(used, sealer).accessToken, 'what changes in use is not a term')
  t.same(
    Object.keys(grant).filter((field) => !CHANGES.some((change) => field in change)),
    ['status', 'lastUsedAt', 'upstream'],
    'a new field is a term, or is named here',
  )
})

test('terms cannot be moved between the values of one list or two fields', async (t) => {
  const { makeGrant } = await setUp(t)
  const grant = { ...(await makeGrant()), scope: ['a', 'b'], skills: ['c'] }
  t.throws(() => openUpstream({ ...grant, scope: ['a,b'] }, sealer), UnsealError)
  t.throws(() => openUpstream({ ...grant, scope: ['a'], skills: ['b', 'c'] }, sealer), UnsealError)
})

test('a renewal does not seal terms that were changed in the store', async (t) => {
  const store = await createEmbedded(t)
  const { createAccess, makeGrant, sentry } = await setUp(t)
  const grant = await makeGrant()
  const widened = { ...grant, skills: ['inspect', 'triage'] }
  await store.createGrant(widened, 60_000)
  const access = createAccess({ store })
  t.teardown(() => access.close())
  await t.rejects(access.renewAccessToken(grant), UnsealError)
  await t.rejects(access.getAccessToken(widened, 60_000), UnsealError)
  t.equal(sentry.counters.refreshes, 0)
})
