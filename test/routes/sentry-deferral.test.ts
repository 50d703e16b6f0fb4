import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../support/service.ts'

for (const store of ['redis', 'embedded'] as const) {
  test(`after a 429 of Sentry the next call waits without asking it, with ${store} (RFC 6585 §4)`, async (t) => {
    const { call, sentry, tokens, other } = await start(t, store)
    sentry.fail('/api/0/organizations/', { kind: 'status', status: 429, retryAfter: 40 }, 1)
    t.match(await call(), /HTTP 429\)\. Wait 40 seconds/)
    // The time is written in the background.
    await sleep(200)
    const asked = countReads(sentry)
    t.match(await call(), /HTTP 429\)\. Wait (39|40) seconds/)
    t.equal(countReads(sentry), asked, 'Sentry was not asked')
    t.match(await call(other.access_token), 'tidewater-books', 'another sign-in is not concerned')
    t.ok(tokens.access_token)
  })
}

test('a read on a connection that was reset is repeated once, a write never', async (t) => {
  const { call, sentry } = await start(t, 'embedded')
  sentry.fail('GET /api/0/organizations/', { kind: 'reset' }, 1)
  t.match(await call(), 'tidewater-books')
  sentry.fail('GET /api/0/organizations/', { kind: 'reset' }, 2)
  t.match(await call(), 'could not be reached')
  sentry.fail('POST /api/0/organizations/', { kind: 'lost-answer' }, 1)
  const team = { organizationSlug: 'tidewater-books', name: 'Data' }
  t.match(await call(undefined, 'create_team', team), 'could not be reached')
  t.equal(
    sentry.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/teams/')).length,
    1,
  )
})

const countReads = ({ requests }: SentrySandbox) =>
  requests.filter(({ path }) => path.startsWith('/api/0/')).length

async function start(t: Test, store: 'redis' | 'embedded') {
  const settings = store === 'redis' ? await useRedisStore(t) : useEmbeddedStore(t)
  const { url, sentry } = await startService(t, { settings })
  const client = await registerClient(url)
  const [tokens, other] = [await client.signIn(), await client.signIn()]
  const call = async (token = tokens.access_token, name = 'find_organizations', args: object = {}) =>
    (await postMcp(`${url}/mcp`, token, 'tools/call', { name, arguments: args })).text()
  return { call, sentry, tokens, other }
}
