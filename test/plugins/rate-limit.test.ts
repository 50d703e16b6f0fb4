import { test } from 'tap'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startRedis } from '../support/redis.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../support/service.ts'

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  test(`each OAuth endpoint has its own limit, refused in its own format (${useStore.name})`, async (t) => {
    const { url } = await startService(t, { settings: { ...(await useStore(t)), RATE_LIMIT_OAUTH: '3' } })
    const client = await registerClient(url)
    const responses = []
    for (let count = 0; count < 4; count += 1) responses.push(await client.redeem('made-up'))
    t.same(
      responses.map(({ status }) => status),
      [400, 400, 400, 429],
    )
    const last = responses[3]
    t.match(await last?.json(), { error: 'temporarily_unavailable' }, 'clients keep what they have')
    const wait = Number(last?.headers.get('retry-after'))
    t.ok(wait > 0 && wait <= 60)

    for (const path of ['/account', '/oauth/authorize', '/oauth/callback']) {
      const pages = []
      for (let count = 0; count < 4; count += 1) pages.push(await fetch(`${url}${path}`))
      t.same([pages[2]?.status === 429, pages[3]?.status], [false, 429], path)
      t.match(pages[3]?.headers.get('content-type'), /^text\/html/, 'people get a page')
      t.ok(Number(pages[3]?.headers.get('retry-after')) > 0)
    }
    const form = { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' }, body: new URLSearchParams() }
    for (const path of ['/account/sign-in', '/account/revoke', '/account/sign-out', '/oauth/consent']) {
      const posts = []
      for (let count = 0; count < 4; count += 1) posts.push(await fetch(`${url}${path}`, form))
      t.equal(posts[3]?.status, 429, path)
    }
  })

  test(`/mcp is limited by user, not by address (${useStore.name})`, async (t) => {
    const { url, sentry } = await startService(t, {
      settings: { ...(await useStore(t)), RATE_LIMIT_MCP: '2' },
    })
    const client = await registerClient(url)
    const mara = await client.signIn()
    sentry.setUser({ id: '1002', name: 'Another user', email: 'else@tidewater.example' })
    const other = await client.signIn()
    const list = (token: string) => postMcp(`${url}/mcp`, token, 'tools/list')
    t.same([(await list(mara.access_token)).status, (await list(mara.access_token)).status], [200, 200])
    const refused = await list(mara.access_token)
    t.equal(refused.status, 429)
    t.ok(Number(refused.headers.get('retry-after')) > 0)
    t.match(await refused.json(), { jsonrpc: '2.0', error: { code: Number } })
    t.equal((await list(other.access_token)).status, 200, 'another user goes on')
  })
}

test('refreshes are counted by grant, so that users behind one address do not share a limit', async (t) => {
  const { url } = await startService(t, { settings: { ...useEmbeddedStore(t), RATE_LIMIT_OAUTH: '3' } })
  const client = await registerClient(url)
  const first = await client.signIn()
  const second = await client.signIn()
  for (let count = 0; count < 3; count += 1) await client.refresh(first.refresh_token)
  t.equal((await client.refresh(first.refresh_token)).status, 429)
  t.equal((await client.refresh(second.refresh_token)).status, 200)

  const spend = (grant: string) =>
    fetch(`${url}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirect_uris: [client.redirectUri],
        grant_type: 'refresh_token',
        refresh_token: grant,
      }),
    })
  await spend(first.refresh_token)
  await spend(second.refresh_token)
  t.equal(
    (await spend(second.refresh_token)).status,
    429,
    'anything but a refresh token is counted by address',
  )
})

test('two instances share their counts', async (t) => {
  const settings = {
    ...(await useRedisStore(t)),
    RATE_LIMIT_OAUTH: '2',
    ENCRYPTION_KEY: 'e'.repeat(32),
    JWT_SIGNING_KEY: 'j'.repeat(32),
  }
  const first = await startService(t, { settings })
  const second = await startService(t, {
    settings: { ...settings, BASE_URL: first.url },
    sharedSentry: first.sentry,
  })
  const post = (url: string) => fetch(`${url}/oauth/token`, { method: 'POST', body: new URLSearchParams() })
  t.equal((await post(first.url)).status, 400)
  t.equal((await post(second.url)).status, 400)
  t.equal((await post(first.url)).status, 429)
})

test('discovery and the 401 are never limited (danny-avila/LibreChat#12266)', async (t) => {
  const settings = { ...useEmbeddedStore(t), RATE_LIMIT_OAUTH: '1', RATE_LIMIT_MCP: '1' }
  const { url } = await startService(t, { settings })
  for (let count = 0; count < 5; count += 1) {
    t.equal((await fetch(`${url}/.well-known/oauth-authorization-server`)).status, 200)
    t.equal((await fetch(`${url}/mcp`, { method: 'POST' })).status, 401)
  }
})

test('with a frozen Redis there are no limits, and the 503 arrives while it is frozen', async (t) => {
  const redis = await startRedis(t)
  const settings = { STORE: 'redis', REDIS_URL: redis.url, RATE_LIMIT_OAUTH: '1' }
  const { url } = await startService(t, { settings })
  const client = await registerClient(url)
  await redis.freeze()
  const response = await client.redeem('made-up')
  t.equal(response.status, 503)
  await redis.thaw()
})

test('without Redis there are no limits, and requests that do not need it are served', async (t) => {
  const redis = await startRedis(t)
  const settings = { STORE: 'redis', REDIS_URL: redis.url, RATE_LIMIT_OAUTH: '1', RATE_LIMIT_MCP: '1' }
  const { url } = await startService(t, { settings })
  await redis.kill()
  for (let count = 0; count < 3; count += 1) {
    t.ok((await registerClient(url)).id)
    t.equal((await fetch(`${url}/account`)).status, 200)
  }
})
