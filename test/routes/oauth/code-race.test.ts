import { type Test, test } from 'tap'
import { startSentry } from '../../sandbox/sentry/server.ts'
import { createTestClient, registerClient, type Tokens } from '../../support/client.ts'
import { postMcp } from '../../support/mcp.ts'
import { useRedisStore } from '../../support/service.ts'
import { startServiceProcess } from '../../support/service-process.ts'
import { createSettings } from '../../support/settings.ts'

/** Two processes of one deployment, on one Redis. */
async function startDeployment(t: Test) {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const store = await useRedisStore(t)
  const one = await startServiceProcess(t, (url) => ({ ...createSettings(url, sentry), ...store }))
  sentry.redirectUris.push(`${one.url}/oauth/callback`)
  const other = await startServiceProcess(t, () => one.settings)
  return [one.url, other.url] as const
}

test('of parallel redemptions at two processes exactly one succeeds, and its grant lives (OAuth 2.1 §4.1.3, wso2/product-is#8990)', async (t) => {
  const [one, other] = await startDeployment(t)
  const client = await registerClient(one)
  const twin = createTestClient(other, client.id, client.redirectUri)
  for (const count of [2, 20, 50]) {
    const code = (await client.authorize()).searchParams.get('code') ?? ''
    const proof = { code_verifier: client.verifier }
    const responses = await Promise.all(
      Array.from({ length: count }, (_, index) => (index % 2 === 0 ? client : twin).redeem(code, proof)),
    )
    const bodies = (await Promise.all(responses.map((response) => response.json()))) as object[]
    const winners = bodies.filter((body): body is Tokens => 'access_token' in body)
    t.equal(winners.length, 1, `of ${count}`)
    t.equal(bodies.filter((body) => 'error' in body && body.error === 'invalid_grant').length, count - 1)
    for (const url of [one, other])
      t.equal((await postMcp(`${url}/mcp`, winners[0]?.access_token ?? '', 'tools/list')).status, 200)
    const refreshed = await client.refresh(winners[0]?.refresh_token ?? '')
    const { access_token } = (await refreshed.json()) as Tokens
    await twin.redeem(code, proof)
    t.equal(
      (await postMcp(`${one}/mcp`, access_token, 'tools/list')).status,
      401,
      'a repeat after the refresh',
    )
  }
})
