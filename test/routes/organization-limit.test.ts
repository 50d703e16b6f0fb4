import { type Test, test } from 'tap'
import type { SentryData } from '../sandbox/sentry/data.ts'
import { ORDER_TRACE } from '../sandbox/sentry/data-trace.ts'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'
import { listToolCalls } from '../stand-in/tool-calls.ts'
import { startAiProvider } from '../support/ai-provider.ts'
import { callText, listWays, type McpService, readText, startMcp } from '../support/mcp-service.ts'

/** The organization that the operator allows, and one with much more data that nothing may show. */
const [ALLOWED, OTHER] = ['lantern-labs', 'tidewater-books']

const LIMIT = 'This server is limited to the organization lantern-labs.'

/** Other ways to name it; a slash would lead there in a path that is not encoded. */
const DISGUISES = ['41001', 'Tidewater-Books', `${ALLOWED}/../${OTHER}`, `../organizations/${OTHER}`]

test('no tool reaches a second organization, neither reading nor writing (ALLOWED_ORGANIZATIONS)', async (t) => {
  const service = await startLimited(t)
  const { calls, disguised, marks } = describeOther(service.sentry)
  const names = new Set(calls.map(({ name }) => name))
  const listed = await service.list({ caller: 'everyone' })
  t.same(
    listed.filter((name) => !names.has(name)),
    ['get_doc', 'read_sentry_tool', 'use_sentry'].filter((name) => listed.includes(name)),
    'every tool is walked',
  )
  const before = snapshot(service.sentry.data)
  for (const call of calls)
    for (const [tool, given] of listWays(call)) await tryCall(t, service, marks, tool, given)
  for (const { name, arguments: args } of disguised) await tryCall(t, service, marks, name, args)
  t.equal(snapshot(service.sentry.data), before, 'nothing there was changed')
})

test('what the limited caller must not see, one without a limit does', async (t) => {
  const service = await startLimited(t)
  const { marks } = describeOther(service.sentry)
  const texts = [
    await callText(service, 'search_issues', { organizationSlug: OTHER, query: '', limit: 100 }, 'everyone'),
    await callText(
      service,
      'get_trace_details',
      { organizationSlug: OTHER, traceId: ORDER_TRACE.id },
      'everyone',
    ),
  ]
  const shown = texts.join('\n')
  for (const mark of marks) t.ok(shown.includes(mark), mark)
})

test('get_sentry_resource and links show nothing of a second organization', async (t) => {
  const service = await startLimited(t)
  const { resources, links, marks } = describeOther(service.sentry)
  for (const args of resources) {
    for (const [tool, given] of listWays({ name: 'get_sentry_resource', arguments: args }))
      await tryCall(t, service, marks, tool, given)
  }
  for (const call of links) {
    for (const [tool, given] of listWays(call)) await tryCall(t, service, marks, tool, given)
  }
})

test('a refusal names the allowed organizations, and is not taken for an outage', async (t) => {
  const service = await startLimited(t)
  for (const [tool, given] of listWays({ name: 'find_teams', arguments: { organizationSlug: OTHER } })) {
    const result = await service.call(tool, given, { caller: 'limited' })
    t.ok(result.isError)
    t.match(readText(result), LIMIT)
  }
  t.ok(service.log.some((line) => line.includes('"outcome":"out_of_reach"')))
})

test('find_organizations shows the allowed ones alone, also where a user has hundreds', async (t) => {
  const service = await startLimited(t)
  const [first] = service.sentry.data.organizations
  if (first === undefined) throw new Error('no data')
  const more = Array.from({ length: 120 }, (_, index) => ({
    ...{ ...first, id: String(43_000 + index), slug: `other-${index}`, name: `Other ${index}` },
  }))
  service.sentry.data.organizations.unshift(...more)
  for (const query of [undefined, 'lantern', `slug:${OTHER}`, 'slug:other-3']) {
    for (const [tool, given] of listWays({ name: 'find_organizations', arguments: { query } })) {
      const text = readText(await service.call(tool, given, { caller: 'limited' }))
      t.notMatch(text, /tidewater|other-/i, `${tool} ${query}`)
      if (query === undefined || query === 'lantern') t.match(text, ALLOWED, tool)
    }
  }
})

test('the model of use_sentry reaches no second organization', async (t) => {
  const { sentry } = await startLimited(t)
  const { calls, marks } = describeOther(sentry)
  const asked = calls.map(({ name, arguments: args }) => ({ name, args }))
  for (let at = 0; at < asked.length; at += 20) {
    const turn = asked.slice(at, at + 20)
    const provider = await startAiProvider(t, [{ calls: turn }, { says: JSON.stringify({ result: 'done' }) }])
    const service = await startLimited(t, provider.settings)
    await callText(service, 'use_sentry', { request: 'everything' }, 'limited')
    const seen = JSON.parse(provider.requests[1]?.body ?? '{"input":[]}').input as { output?: string }[]
    const outputs = JSON.stringify(seen.map(({ output }) => output))
    for (const mark of marks) t.notOk(outputs.includes(mark), mark)
    t.notOk(listOutside(service.sentry, 0).length, 'and Sentry was not asked')
  }
})

test('the model of a search tool is shown no second organization', async (t) => {
  const { sentry } = await startLimited(t)
  const { marks } = describeOther(sentry)
  const asked = ['datasetAttributes', 'issueFields', 'whoami'].map((name) => ({
    ...{ name, args: { dataset: 'errors' } },
  }))
  const provider = await startAiProvider(t, [{ calls: asked }, { calls: asked }, { says: '{}' }])
  const service = await startLimited(t, provider.settings)
  for (const name of ['search_issues', 'search_events']) {
    const text = await callText(
      service,
      name,
      { organizationSlug: OTHER, query: 'what went wrong today?' },
      'limited',
    )
    for (const mark of marks) t.notOk(text.includes(mark), `${name}: ${mark}`)
  }
  const sent = provider.requests.map(({ body }) => body).join('\n')
  for (const mark of marks) t.notOk(sent.includes(mark), mark)
  t.same(listOutside(service.sentry, 0), [])
})

test('the tools of the allowed organization work, and instructions name it', async (t) => {
  const service = await startLimited(t)
  const own = listToolCalls(service.sentry.data).filter(
    ({ arguments: { organizationSlug } }) => organizationSlug === undefined || organizationSlug === ALLOWED,
  )
  t.ok(own.length >= 8)
  for (const { name, arguments: args } of own.filter(
    ({ name }) => !['search_docs', 'execute_sentry_tool'].includes(name),
  )) {
    const result = await service.call(name, args, { caller: 'limited' })
    t.notOk(result.isError, `${name}: ${readText(result).slice(0, 200)}`)
  }
  const response = await service.post(
    {
      ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    },
    { caller: 'limited' },
  )
  t.match(await response.text(), LIMIT)
})

/** A service with a caller as ALLOWED_ORGANIZATIONS makes them, and one without a limit. */
async function startLimited(t: Test, settings: Record<string, string> = {}): Promise<McpService> {
  const service = await startMcp(t, {
    settings: { TOOL_SURFACE: 'full', DIRECT_SEARCH: 'true', ...settings },
  })
  service.addCaller('everyone')
  service.addCaller('limited', { constraints: { allowedOrganizations: [ALLOWED] } })
  return service
}

async function tryCall(t: Test, service: McpService, marks: string[], tool: string, given: object) {
  const from = service.sentry.requests.length
  const text = await callText(service, tool, given, 'limited')
  const about = `${tool} ${JSON.stringify(given)}`
  t.notOk(
    marks.find((mark) => text.includes(mark)),
    about,
  )
  t.same(listOutside(service.sentry, from), [], about)
}

/** Calls of every tool with the other organization and its ids, and text that only it has. */
function describeOther(sentry: SentrySandbox) {
  const [organization] = sentry.data.organizations
  const [issue] = organization?.issues ?? []
  const event = issue?.events[0]
  if (organization?.slug !== OTHER || issue === undefined || event === undefined) throw new Error('no data')
  const calls = listToolCalls(sentry.data).filter(
    ({ arguments: { organizationSlug } }) => organizationSlug !== ALLOWED,
  )
  // With its ids in the allowed organization, and with other names for it.
  const disguised = calls
    .filter(({ arguments: { organizationSlug } }) => organizationSlug === OTHER)
    .flatMap(({ name, arguments: args }) =>
      [ALLOWED, ...DISGUISES].map((organizationSlug) => ({ name, arguments: { ...args, organizationSlug } })),
    )
  const bases = [
    `${sentry.url}/organizations/${OTHER}`,
    `https://${OTHER}.sentry.io`,
    `https://sentry.io/organizations/${OTHER}`,
  ]
  const issueLinks = bases.flatMap((base) => [
    `${base}/issues/${issue.id}/`,
    `${base}/issues/${issue.shortId}/`,
  ])
  const urls = bases.flatMap((base) => [
    `${base}/issues/${issue.id}/events/${event.id}/`,
    `${base}/explore/traces/trace/${ORDER_TRACE.id}/`,
    `${base}/performance/trace/${ORDER_TRACE.id}/?node=span-${ORDER_TRACE.spans.chargeCard}`,
    `${base}/profiling/profile/checkout-api/${organization.profiles[0]?.id}/flamegraph/`,
    `${base}/replays/${organization.replays[0]?.id}/`,
    `${base}/crons/checkout-api/settle-payments/`,
    `${base}/releases/storefront@2.8.0/`,
    `${base}/preprod/snapshots/36002/?selectedSnapshot=cart-with-offer.png`,
    `${base}/explore/agents/conversations/${organization.conversations[0]?.id}/`,
  ])
  const ids: [string, unknown][] = [
    ['issue', issue.shortId],
    ['issue', issue.id],
    ['event', event.id],
    ['trace', ORDER_TRACE.id],
    ['replay', organization.replays[0]?.id],
    ['ai_conversation', organization.conversations[0]?.id],
    ['monitor', 'settle-payments'],
    ['snapshot', '36002'],
  ]
  const resources = [
    ...[...issueLinks, ...urls].map((url) => ({ url })),
    ...ids.flatMap(([resourceType, resourceId]) =>
      [OTHER, ALLOWED, ...DISGUISES].map((organizationSlug) => ({
        resourceType,
        resourceId,
        organizationSlug,
      })),
    ),
  ]
  const links = issueLinks.flatMap((issueUrl) =>
    [
      'get_issue_details',
      'get_issue_breadcrumbs',
      'search_issue_events',
      'get_issue_tag_values',
      'update_issue',
    ].map((name) => ({ name, arguments: { issueUrl, query: 'x', tagKey: 'browser', status: 'resolved' } })),
  )
  const marks = [
    ...organization.issues.map(({ title }) => title),
    ...['SELECT id, stock FROM books', 'INSERT INTO orders'],
  ]
  return { calls, disguised, resources, links, marks }
}

/** The requests since `from` that ask for anything but the allowed organization. */
function listOutside(sentry: SentrySandbox, from: number): string[] {
  const within = new RegExp(`^/api/0/(organizations|projects|teams)/${ALLOWED}/`)
  return sentry.requests
    .slice(from)
    .filter(({ path, query }) => {
      if (path === '/api/0/auth/' || path === '/api/client-config/') return false
      if (path === '/api/0/organizations/') return !String(query.query).includes(`slug:${ALLOWED}`)
      return !within.test(path) || path.includes('..') || path.includes(OTHER)
    })
    .map(({ method, path }) => `${method} ${path}`)
}

function snapshot({ organizations }: SentryData): string {
  const other = organizations.find(({ slug }) => slug === OTHER)
  return JSON.stringify(other)
}
