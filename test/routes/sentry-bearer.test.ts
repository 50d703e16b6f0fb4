import { mock } from 'node:test'
import { test } from 'tap'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'
import { listEvents, readAuditLines } from '../support/log.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'

type Settings = Record<string, string>

const ON = { SENTRY_TOKEN_PASSTHROUGH: 'true' }

/** Posts one JSON-RPC request with an Authorization header of the test's choice. */
async function post(url: string, authorization: string, method = 'tools/list', params: object = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-06-18',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** Without those for its release, which is read in the background and with no token. */
const listApiRequests = ({ requests }: SentrySandbox) =>
  requests.filter(({ path }) => path !== '/api/client-config/')

const whoami = { name: 'whoami', arguments: {} }

test('by default a Sentry token gets 401 with the usual challenge (RFC 6750 §3)', async (t) => {
  const { url, sentry } = await startService(t)
  const { accessToken } = sentry.issueTokens()
  const response = await post(`${url}/mcp`, `Sentry-Bearer ${accessToken}`)
  t.equal(response.status, 401)
  const anonymous = await post(`${url}/mcp`, '')
  t.equal(response.headers.get('www-authenticate'), anonymous.headers.get('www-authenticate'))
  t.equal(listApiRequests(sentry).length, 0, 'and Sentry does not see it')
})

test('with SENTRY_TOKEN_PASSTHROUGH tools work with it, and it is neither stored nor logged', async (t) => {
  const settings: Settings = { ...useEmbeddedStore(t), ...ON, LOG_LEVEL: 'trace' }
  const { url, sentry, log } = await startService(t, { settings })
  const { accessToken } = sentry.issueTokens()
  const authorization = `Sentry-Bearer ${accessToken}`
  t.equal((await post(`${url}/mcp`, authorization)).status, 200)
  t.match((await post(`${url}/mcp`, authorization, 'tools/call', whoami)).text, /mara@tidewater\.example/)
  t.ok(listApiRequests(sentry).every(({ token }) => token === accessToken))
  t.notOk(log.join('').includes(accessToken))
  t.same(listEvents(log), ['sentry_bearer_accepted'], 'the audit log has it once')
  t.match(readAuditLines(log)[0], { subject_hash: String, resource: `${url}/mcp`, skills: ['inspect'] })
})

test('neither scheme accepts the token of the other', async (t) => {
  const { url, sentry } = await startService(t, { settings: { ...useEmbeddedStore(t), ...ON } })
  const { accessToken } = sentry.issueTokens()
  t.equal((await post(`${url}/mcp`, `Bearer ${accessToken}`)).status, 401)
  t.equal(listApiRequests(sentry).length, 0, 'a Bearer token never goes to Sentry')
  t.equal(
    (await post(`${url}/mcp`, `sentry-bearer ${accessToken}`)).status,
    200,
    'in any case (RFC 9110 §11.1)',
  )
  for (const wrong of ['Sentry-Bearer', 'Sentry-Bearer a b', 'Sentry-Bearer "x"'])
    t.equal((await post(`${url}/mcp`, wrong)).status, 401, wrong)
})

test('the user of a token is looked up once, also for parallel requests', async (t) => {
  const { url, sentry } = await startService(t, { settings: { ...useEmbeddedStore(t), ...ON } })
  const authorization = `Sentry-Bearer ${sentry.issueTokens().accessToken}`
  const responses = await Promise.all(Array.from({ length: 20 }, () => post(`${url}/mcp`, authorization)))
  t.ok(responses.every(({ status }) => status === 200))
  t.equal(sentry.requests.filter(({ path }) => path === '/api/0/auth/').length, 1)
})

test('an invalid token gets 401, also after it was valid (RFC 6750 §3.1)', async (t) => {
  const { url, sentry } = await startService(t, { settings: { ...useEmbeddedStore(t), ...ON } })
  const unknown = await post(`${url}/mcp`, 'Sentry-Bearer sntryu_unknown')
  t.equal(unknown.status, 401)
  t.match(unknown.headers.get('www-authenticate'), /^Bearer error="invalid_token"/)

  const { accessToken } = sentry.issueTokens()
  const authorization = `Sentry-Bearer ${accessToken}`
  t.equal((await post(`${url}/mcp`, authorization, 'tools/call', whoami)).status, 200)
  sentry.revokeToken(accessToken)
  await post(`${url}/mcp`, authorization, 'tools/call', whoami)
  t.equal((await post(`${url}/mcp`, authorization, 'tools/call', whoami)).status, 401)
})

test('a refusal of Sentry is cached for a while', async (t) => {
  const { url, sentry } = await startService(t, { settings: { ...useEmbeddedStore(t), ...ON } })
  for (const token of ['sntryu_unknown', 'sntryu_other'])
    for (let count = 0; count < 5; count += 1)
      t.equal((await post(`${url}/mcp`, `Sentry-Bearer ${token}`)).status, 401)
  t.equal(listApiRequests(sentry).length, 2, 'once for each token')

  mock.timers.enable({ apis: ['Date'], now: Date.now() + 31_000 })
  t.teardown(() => mock.timers.reset())
  await post(`${url}/mcp`, 'Sentry-Bearer sntryu_unknown')
  t.equal(listApiRequests(sentry).length, 3, 'and again after that')
})

test('look-ups of tokens are limited by address, cached tokens are not', async (t) => {
  const settings = { ...useEmbeddedStore(t), ...ON, RATE_LIMIT_OAUTH: '3' }
  const { url, sentry } = await startService(t, { settings })
  const authorization = `Sentry-Bearer ${sentry.issueTokens().accessToken}`
  t.equal((await post(`${url}/mcp`, authorization)).status, 200)
  const guesses = []
  for (const guess of ['one', 'two', 'three', 'four'])
    guesses.push(await post(`${url}/mcp`, `Sentry-Bearer sntryu_${guess}`))
  t.same(
    guesses.map(({ status }) => status),
    [401, 401, 429, 429],
  )
  t.ok(Number(guesses[3]?.headers.get('retry-after')) > 0)
  t.equal(listApiRequests(sentry).length, 3)
  for (let count = 0; count < 5; count += 1) t.equal((await post(`${url}/mcp`, authorization)).status, 200)
})

test('an outage of Sentry gets 503, and the token works afterwards', async (t) => {
  const { url, sentry } = await startService(t, { settings: { ...useEmbeddedStore(t), ...ON } })
  const authorization = `Sentry-Bearer ${sentry.issueTokens().accessToken}`
  for (const fault of [{ kind: 'status', status: 500 }, { kind: 'html' }, { kind: 'reset' }] as const) {
    const heal = sentry.fail('GET /api/0/auth/', fault)
    const response = await post(`${url}/mcp`, authorization)
    t.equal(response.status, 503, fault.kind)
    t.ok(response.headers.get('retry-after'))
    heal()
  }
  t.equal((await post(`${url}/mcp`, authorization)).status, 200)
})

test('a Sentry token has DEFAULT_SKILLS, which ?skills= narrows and never widens', async (t) => {
  const settings = { ...useEmbeddedStore(t), ...ON, TOOL_SURFACE: 'full', DEFAULT_SKILLS: 'inspect,triage' }
  const { url, sentry } = await startService(t, { settings })
  const authorization = `Sentry-Bearer ${sentry.issueTokens().accessToken}`
  const list = async (query: string) => {
    const { text } = await post(`${url}/mcp${query}`, authorization)
    return new Set<string>(JSON.parse(text).result.tools.map(({ name }: { name: string }) => name))
  }
  const all = await list('')
  t.ok(all.has('update_issue'))
  t.notOk(all.has('create_project'))
  const inspect = await list('?skills=inspect')
  t.ok(inspect.has('find_organizations'))
  t.notOk(inspect.has('create_project'))
  t.notOk(inspect.has('update_issue'))
  t.notOk((await list('?disable-skills=triage')).has('update_issue'))
  t.same(await list('?skills=inspect,project-management'), inspect, 'what the operator has not preselected')
  t.notOk((await list('?skills=project-management,seer')).has('create_project'))

  for (const query of ['?skills=', '?skills=everything', '?skills=inspect,triag']) {
    const response = await post(`${url}/mcp${query}`, authorization)
    t.equal(response.status, 400, `${query}: what might have narrowed is not passed over`)
    t.match(response.text, /out of inspect, seer, triage, project-management/)
  }
})

test('disabled skills stay disabled, and a resource limits the caller', async (t) => {
  const settings = { ...useEmbeddedStore(t), ...ON, TOOL_SURFACE: 'full', DISABLED_SKILLS: 'triage' }
  const { url, sentry } = await startService(t, { settings })
  const authorization = `Sentry-Bearer ${sentry.issueTokens().accessToken}`
  t.notMatch((await post(`${url}/mcp?skills=triage,inspect`, authorization)).text, /"update_issue"/)
  const inside = await post(`${url}/mcp/tidewater-books`, authorization, 'tools/call', {
    name: 'find_projects',
    arguments: {},
  })
  t.match(inside.text, /storefront/)
  t.equal((await post(`${url}/mcp/nowhere`, authorization)).status, 403)
})

test('tokens of organizations work, and a tool that needs more says what it needs', async (t) => {
  const { url, sentry } = await startService(t, {
    settings: { ...useEmbeddedStore(t), ...ON, TOOL_SURFACE: 'full' },
  })
  const authorization = `Sentry-Bearer ${sentry.issueOrganizationToken('tidewater-books')}`
  const at = { organizationSlug: 'tidewater-books' }
  const call = async (name: string, args: object) =>
    (await post(`${url}/mcp`, authorization, 'tools/call', { name, arguments: args })).text
  t.match(await call('find_releases', at), 'storefront@2.8.0')
  t.match(
    await call('find_teams', at),
    /token of an organization \(sntrys_\).*needs a token of a user or of an internal/,
  )
  for (const wrong of ['sntrys_', 'sntrys_e30=_secret', 'sntrys_bm8=_x', authorization.slice(14, -1)])
    t.equal((await post(`${url}/mcp`, `Sentry-Bearer ${wrong}`)).status, 401, wrong.slice(0, 12))
})

test('tokens of users and of internal integrations work as far as their scopes go', async (t) => {
  const { url, sentry } = await startService(t, { settings: { ...useEmbeddedStore(t), ...ON } })
  const integration = { id: '9001', name: null, email: 'harbour-4f2a@proxy-user.sentry.io' }
  sentry.setUser(integration)
  const authorization = `Sentry-Bearer ${sentry.issueTokens(integration.id, ['org:read']).accessToken}`
  const call = async (name: string, args: object = {}) =>
    (await post(`${url}/mcp`, authorization, 'tools/call', { name, arguments: args })).text
  t.match(await call('whoami'), 'proxy-user.sentry.io')
  t.match(await call('find_organizations'), 'tidewater-books')
  const issue = { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1' }
  t.match(await call('get_issue_details', issue), 'HTTP 403')
})
