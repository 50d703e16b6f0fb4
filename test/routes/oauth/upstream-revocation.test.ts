import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import type { SentrySandbox } from '../../sandbox/sentry/server.ts'
import { registerClient, type TestClient, type Tokens } from '../../support/client.ts'
import { postMcp } from '../../support/mcp.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../../support/service.ts'

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  test(`every end of a grant revokes its Sentry tokens, and no others (RFC 7009 §1, ${useStore.name})`, async (t) => {
    const { url, sentry } = await startService(t, { settings: await useStore(t) })
    const client = await registerClient(url)
    const kept = await client.signIn()

    await revoke(url, client, (await client.signIn()).refresh_token)
    t.equal(await countRevocations(sentry, 1), 1, 'the client gives its token back')

    const code = (await client.authorize()).searchParams.get('code') ?? ''
    const { refresh_token } = (await (await client.redeem(code)).json()) as Tokens
    await client.refresh(refresh_token)
    await client.redeem(code)
    t.equal(await countRevocations(sentry, 2), 2, 'a code is replayed')

    const first = await client.signIn()
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens
    await client.refresh(second.refresh_token)
    await client.refresh(first.refresh_token)
    t.equal(await countRevocations(sentry, 3), 3, 'a refresh token is reused')

    for (let signIns = 0; signIns < 20; signIns += 1) await client.signIn()
    t.equal(await countRevocations(sentry, 4), 4, 'a grant makes room')

    t.ok(sentry.requests.filter(isRevocation).every(({ status }) => status === 200))
    const [{ token = '' } = {}] = sentry.requests.filter(isRevocation).map(({ body }) => body)
    t.match(token, /^sntryr_/, 'by the refresh token, which takes the access token with it')
    t.equal((await callTool(url, kept.access_token)).status, 401, 'the one that made room')
  })
}

test("Sentry's tokens of a revoked grant are dead at Sentry", async (t) => {
  const { url, sentry } = await startService(t)
  const client = await registerClient(url)
  const tokens = await client.signIn()
  await callTool(url, tokens.access_token)
  const upstream = sentry.requests.findLast(({ token }) => token !== undefined)?.token ?? ''
  const ask = () => fetch(`${sentry.url}/api/0/auth/`, { headers: { authorization: `Bearer ${upstream}` } })
  t.equal((await ask()).status, 200)
  await revoke(url, client, tokens.access_token)
  await countRevocations(sentry, 1)
  t.equal((await ask()).status, 400)
})

test('a Sentry release without revocation is not asked again for a while', async (t) => {
  const { url, sentry, log } = await startService(t, { sentry: { revokeEndpoint: false } })
  const client = await registerClient(url)
  for (const _ of ['one', 'two', 'three']) {
    const tokens = await client.signIn()
    t.equal((await revoke(url, client, tokens.refresh_token)).status, 200)
    t.equal((await callTool(url, tokens.access_token)).status, 401)
  }
  await sleep(50)
  t.equal(sentry.requests.filter(isRevocation).length, 1)
  t.equal(log.filter((line) => line.includes('cannot revoke tokens')).length, 1)
})

test('a failing or hanging Sentry neither delays nor fails a response', async (t) => {
  const { url, sentry, log } = await startService(t)
  const client = await registerClient(url)
  const faults = [
    { kind: 'status', status: 500 },
    { kind: 'html' },
    { kind: 'redirect-loop' },
    { kind: 'reset' },
    { kind: 'hang', ms: 60_000 },
  ] as const
  for (const fault of faults) {
    const heal = sentry.fail('POST /oauth/revoke/', fault)
    const tokens = await client.signIn()
    const begun = performance.now()
    t.equal((await revoke(url, client, tokens.refresh_token)).status, 200, fault.kind)
    t.ok(performance.now() - begun < 1_000, `${fault.kind}: the answer does not wait`)
    t.equal((await callTool(url, tokens.access_token)).status, 401)
    heal()
  }
  t.ok(log.some((line) => line.includes('could not be revoked there')))
  t.notMatch(log.join(''), /sntry[ru]_/)
})

function isRevocation({ path }: { path: string }): boolean {
  return path === '/oauth/revoke/'
}

/** How many revocations Sentry has answered, once there are so many or some time has passed. */
async function countRevocations(sentry: SentrySandbox, expected: number): Promise<number> {
  const count = () => sentry.requests.filter((one) => isRevocation(one) && one.status !== undefined).length
  for (let waits = 0; count() < expected && waits < 200; waits += 1) await sleep(10)
  return count()
}

function revoke(url: string, client: TestClient, token: string): Promise<Response> {
  const body = new URLSearchParams({ client_id: client.id, token })
  return fetch(`${url}/oauth/revoke`, { method: 'POST', body })
}

function callTool(url: string, token: string): Promise<Response> {
  return postMcp(`${url}/mcp`, token, 'tools/call', { name: 'whoami', arguments: {} })
}
