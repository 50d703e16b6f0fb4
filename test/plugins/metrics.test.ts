import { createServer } from 'node:net'
import { type Test, test } from 'tap'
import { loadConfig } from '../../lib/config/load.ts'
import { registerClient, type Tokens } from '../support/client.ts'
import { findFreePort } from '../support/free-port.ts'
import { postMcp } from '../support/mcp.ts'
import { startRedis } from '../support/redis.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'

test('without METRICS_PORT there is no /metrics', async (t) => {
  const { url } = await startService(t)
  t.equal((await fetch(`${url}/metrics`)).status, 404)
})

test('METRICS_PORT serves metrics only, and closes with the service', async (t) => {
  const { url, app, scrape, metricsUrl } = await startMeasured(t)
  t.equal((await fetch(`${url}/metrics`)).status, 404)
  const scraped = await fetch(`${metricsUrl}/metrics`)
  t.equal(scraped.status, 200)
  t.match(scraped.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  t.equal((await fetch(`${metricsUrl}/health`)).status, 404)
  t.equal((await fetch(`${metricsUrl}/metrics`, { method: 'POST' })).status, 404)
  const samples = await scrape()
  t.ok([...samples.keys()].some((name) => name.startsWith('nodejs_eventloop_lag_seconds')))
  const [build = ''] = [...samples.keys()].filter((name) => name.startsWith('sentry_mcp_build_info'))
  t.match(build, `node="${process.version}"`)
  t.match(build, /version="\d+\.\d+\.\d+",mcp_core="0\.39\.0"/)
  await app.close()
  await t.rejects(fetch(`${metricsUrl}/metrics`))
})

test('a METRICS_PORT in use is reported', async (t) => {
  const port = await findFreePort()
  const holder = createServer().listen(port, 'localhost')
  t.teardown(() => holder.close())
  const settings = { ...useEmbeddedStore(t), METRICS_PORT: String(port), HOST: 'localhost' }
  await t.rejects(startService(t, { settings }), { message: /^Cannot listen on METRICS_PORT at localhost:/ })
})

test('METRICS_PORT must differ from PORT, which is public', async (t) => {
  const settings = { METRICS_PORT: '8080', PORT: '8080' }
  t.throws(() => loadConfig(settings), /METRICS_PORT should be another port than PORT/)
})

test('sign-ins are counted by step, refreshes by outcome', async (t) => {
  const { url, sentry, take } = await startMeasured(t)
  const client = await registerClient(url)
  const tokens = await client.signIn()
  t.same(await take(/sign_in_steps|audit/), {
    'sign_in_steps_total{step="authorize",outcome="ok",client="other",registration="dcr"}': 1,
    'sign_in_steps_total{step="consent",outcome="ok",client="other",registration="dcr"}': 1,
    'sign_in_steps_total{step="callback",outcome="ok",client="other",registration="dcr"}': 1,
    'sign_in_steps_total{step="code",outcome="ok",client="other",registration="dcr"}': 1,
    'audit_events_total{event="client_registered",reason=""}': 1,
    'audit_events_total{event="consent_granted",reason=""}': 1,
    'audit_events_total{event="grant_created",reason=""}': 1,
    'audit_events_total{event="grant_activated",reason=""}': 1,
  })
  const next = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens
  await client.refresh(next.refresh_token)
  await client.refresh(tokens.refresh_token)
  await client.refresh('made up')
  t.same(await take(/refreshes|audit/), {
    'token_refreshes_total{outcome="ok"}': 2,
    'token_refreshes_total{outcome="invalid_grant"}': 2,
    'audit_events_total{event="refresh_rotated",reason=""}': 2,
    'audit_events_total{event="refresh_reused",reason=""}': 1,
    'audit_events_total{event="grant_revoked",reason="refresh_token_reused"}': 1,
  })
  await client.authorize({}, { consent: 'deny' })
  sentry.forgetApprovals()
  await client.authorize({}, { sentry: 'deny' })
  await fetch(client.createAuthorizeUrl({ client_id: 'unknown' }))
  await fetch(`${url}/oauth/callback?code=a&state=b`)
  await client.redeem('made up')
  t.same(await take(/sign_in_steps/), {
    'sign_in_steps_total{step="authorize",outcome="ok",client="other",registration="dcr"}': 2,
    'sign_in_steps_total{step="authorize",outcome="invalid_client",client="unknown",registration="unknown"}': 1,
    'sign_in_steps_total{step="consent",outcome="access_denied",client="other",registration="dcr"}': 1,
    'sign_in_steps_total{step="consent",outcome="ok",client="other",registration="dcr"}': 1,
    'sign_in_steps_total{step="callback",outcome="access_denied",client="other",registration="dcr"}': 1,
    'sign_in_steps_total{step="callback",outcome="refused",client="unknown",registration="unknown"}': 1,
    'sign_in_steps_total{step="code",outcome="invalid_grant",client="other",registration="dcr"}': 1,
  })
})

test('MCP requests are counted by program, registration and revision, each with few values', async (t) => {
  const { url, take } = await startMeasured(t)
  const { access_token } = await (await registerClient(url)).signIn()
  await take()
  const post = (revision?: string, body: object = { method: 'tools/list' }) =>
    fetch(`${url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${access_token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(revision !== undefined && { 'mcp-protocol-version': revision }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
    })
  await post('2025-11-25')
  await post()
  await post('x'.repeat(50))
  await post(undefined, {
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
  })
  await postMcp(`${url}/mcp`, undefined, 'tools/list')
  t.same(await take(/^mcp_requests/), {
    'mcp_requests_total{client="other",registration="dcr",revision="2025-11-25"}': 1,
    'mcp_requests_total{client="other",registration="dcr",revision="none"}': 1,
    'mcp_requests_total{client="other",registration="dcr",revision="other"}': 1,
    'mcp_requests_total{client="other",registration="dcr",revision="2025-06-18"}': 1,
  })
})

test('requests are counted by route template, tool calls by name in the registry', async (t) => {
  const { url, take } = await startMeasured(t)
  const { access_token } = await (await registerClient(url)).signIn()
  await take()
  const call = (name: string, args = {}) =>
    postMcp(`${url}/mcp`, access_token, 'tools/call', { name, arguments: args })
  await call('whoami')
  await call('execute_sentry_tool', { name: 'find_organizations', arguments: {} })
  await call('find_teams', { organizationSlug: '../..' })
  await call('no tool has this name')
  await postMcp(`${url}/mcp/tidewater-books/storefront`, undefined, 'tools/list')
  await fetch(`${url}/wp-login.php?token=1`)
  const counted = await take(/^(tool_calls|http_requests)_total/)
  t.same(counted, {
    'tool_calls_total{tool="whoami",outcome="ok"}': 1,
    'tool_calls_total{tool="find_organizations",outcome="ok"}': 1,
    'tool_calls_total{tool="find_teams",outcome="invalid_arguments"}': 1,
    'tool_calls_total{tool="unknown",outcome="unknown_tool"}': 1,
    'http_requests_total{method="POST",route="/mcp",status="200"}': 4,
    'http_requests_total{method="POST",route="/mcp/:organization/:project",status="401"}': 1,
    'http_requests_total{method="GET",route="unknown",status="404"}': 1,
  })
})

test('requests to Sentry are timed by target and status, renewals counted by outcome', async (t) => {
  const { url, sentry, take } = await startMeasured(t)
  const { access_token } = await (await registerClient(url)).signIn()
  await take()
  const whoami = () => postMcp(`${url}/mcp`, access_token, 'tools/call', { name: 'whoami', arguments: {} })
  await whoami()
  const upstream = /^(upstream_request_duration_seconds_count|upstream_token_renewals_total)/
  t.same(await take(upstream), { 'upstream_request_duration_seconds_count{target="api",status="2xx"}': 1 })
  sentry.expireToken(sentry.requests.findLast(({ token }) => token !== undefined)?.token ?? '')
  await whoami()
  t.same(await take(upstream), {
    'upstream_request_duration_seconds_count{target="api",status="4xx"}': 1,
    'upstream_request_duration_seconds_count{target="oauth_token",status="2xx"}': 1,
    'upstream_request_duration_seconds_count{target="api",status="2xx"}': 1,
    'upstream_token_renewals_total{outcome="renewed"}': 1,
  })
  t.teardown(sentry.fail('/oauth/token/', { kind: 'reset' }))
  sentry.expireToken(sentry.requests.findLast(({ token }) => token !== undefined)?.token ?? '')
  await whoami()
  t.match(await take(upstream), {
    'upstream_request_duration_seconds_count{target="oauth_token",status="error"}': 1,
    'upstream_token_renewals_total{outcome="unavailable"}': 1,
  })
})

test('store operations are timed, and a scrape makes none', async (t) => {
  const redis = await startRedis(t)
  const settings = { STORE: 'redis', REDIS_URL: redis.url, RATE_LIMIT_OAUTH: '2' }
  const { url, take, scrape } = await startMeasured(t, settings)
  const operations = /^(store_operation_duration_seconds_count|rate_limit)/
  await fetch(`${url}/health/ready`)
  t.same(await take(operations), {
    'store_operation_duration_seconds_count{operation="ping",outcome="ok"}': 1,
  })
  const register = () => fetch(`${url}/oauth/register`, { method: 'POST' })
  for (let requests = 0; requests < 3; requests += 1) await register()
  t.same(await take(operations), { 'rate_limit_exceeded_total{limit="oauth"}': 1 })

  await redis.kill()
  await fetch(`${url}/health/ready`)
  await register()
  t.same(await take(operations), {
    'store_operation_duration_seconds_count{operation="ping",outcome="unavailable"}': 1,
    'rate_limit_errors_total{limit="oauth"}': 1,
  })
  t.ok((await scrape()).size > 0, 'a scrape works without the store')
})

/** A service with metrics, and functions that read them. */
async function startMeasured(t: Test, settings: Record<string, string> = useEmbeddedStore(t)) {
  const port = await findFreePort()
  const measured = { ...settings, METRICS_PORT: String(port), HOST: 'localhost' }
  const service = await startService(t, { settings: measured })
  const metricsUrl = `http://localhost:${port}`
  let before = new Map<string, number>()

  async function scrape(): Promise<Map<string, number>> {
    const lines = (await (await fetch(`${metricsUrl}/metrics`)).text()).split('\n')
    const samples = lines.filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      samples.map((line): [string, number] => {
        const space = line.lastIndexOf(' ')
        return [line.slice(0, space), Number(line.slice(space + 1))]
      }),
    )
  }

  /** The increases since the last call, without the prefix of the names. */
  async function take(names = /./): Promise<Record<string, number>> {
    const now = await scrape()
    const risen = [...now]
      .map(([name, value]): [string, number] => [
        name.replace('sentry_mcp_', ''),
        value - (before.get(name) ?? 0),
      ])
      .filter(([name, rise]) => rise > 0 && names.test(name))
    before = now
    return Object.fromEntries(risen)
  }

  return { ...service, metricsUrl, scrape, take }
}
