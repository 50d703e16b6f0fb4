import type { Test } from 'tap'
import type { Store } from '../../../lib/store/store.ts'
import { testClients } from './client-contract.ts'
import { testGrants, testSubjects } from './grant-contract.ts'
import { testCodes, testTransactions } from './sign-in-contract.ts'
import { testRefreshTokens, testUpstream } from './token-contract.ts'

/** What `Store` promises, for every implementation. */
export async function testStoreContract(t: Test, store: Store): Promise<void> {
  await testClients(t, store)
  await testTransactions(t, store)
  await testCodes(t, store)
  await testGrants(t, store)
  await testSubjects(t, store)
  await testRefreshTokens(t, store)
  await testUpstream(t, store)
  await t.test('ping resolves when the store responds', async (t) => {
    await t.resolves(store.ping())
  })
}
