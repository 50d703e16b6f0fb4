import { type Test, test } from 'tap'
import type { SentryData } from '../sandbox/sentry/data.ts'
import { ORDER_TRACE } from '../sandbox/sentry/data-trace.ts'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'
import { listToolCalls } from '../stand-in/tool-calls.ts'
import { startAiProvider } from '../support/ai-provider.ts'
import { callText, listWays, type McpService, readText, startMcp } from '../support/mcp-service.ts'

const ORGANIZATION = 'tidewater-books'

/** The project that the connection is limited to, and one that it must not reach. */
const [OWN, OTHER] = ['storefront', 'checkout-api']

const EVERY_CAPABILITY = { traces: true, profiles: true, replays: true, logs: true }

test('no tool reaches a second project, neither reading nor writing (RFC 8707 §2, CVE-2025-69196)', async (t) => {
  const service = await startLimited(t)
  const { calls, marks } = describeOther(service.sentry)
  const names = new Set(calls.map(({ name }) => name))
  const listed = await service.list({ caller: 'whole' })
  t.same(
    listed.filter((name) => !names.has(name)),
    ['get_doc', 'read_sentry_tool', 'use_sentry'].filter((name) => listed.includes(name)),
    'every tool is walked',
  )
  const before = snapshot(service.sentry.data)
  for (const { name, arguments: args } of calls) {
    for (const [tool, given] of listWays({ name, arguments: args })) {
      const from = service.sentry.requests.length
      const text = await callText(service, tool, given, 'limited')
      for (const mark of marks) t.notOk(text.includes(mark), `${tool} ${name}: ${mark}`)
      for (const { method, path, url } of listRequests(service.sentry, from)) {
        t.notOk(leaves(service.sentry, method, url), `${tool} ${name}: ${method} ${path}`)
      }
    }
  }
  t.same(snapshot(service.sentry.data), before, 'nothing beyond the project was changed')
})

test('what the limited connection must not show, the whole one does', async (t) => {
  const service = await startLimited(t)
  const { resources, marks } = describeOther(service.sentry)
  const texts: string[] = []
  for (const args of resources) {
    const whole = { organizationSlug: ORGANIZATION, ...args }
    texts.push(readText(await service.call('get_sentry_resource', whole, { caller: 'whole' })))
  }
  const trace = { organizationSlug: ORGANIZATION, traceId: ORDER_TRACE.id }
  texts.push(readText(await service.call('get_trace_details', trace, { caller: 'whole' })))
  const shown = texts.join('\n')
  t.ok(
    marks.some((mark) => shown.includes(mark)),
    'the marks are seen',
  )
  t.comment(marks.filter((mark) => shown.includes(mark)).join(', '))
})

test('get_sentry_resource shows nothing of a second project, by any kind of id or URL', async (t) => {
  const service = await startLimited(t)
  const { resources, marks } = describeOther(service.sentry)
  for (const args of resources) {
    for (const [tool, given] of listWays({ name: 'get_sentry_resource', arguments: args })) {
      const text = await callText(service, tool, given, 'limited')
      for (const mark of marks) t.notOk(text.includes(mark), `${tool} ${JSON.stringify(args)}: ${mark}`)
    }
  }
})

test('use_sentry’s model reaches no second project either', async (t) => {
  const sentry = await startLimited(t)
  const { calls, marks } = describeOther(sentry.sentry)
  const asked = calls.map(({ name, arguments: args }) => ({ name, args }))
  for (let at = 0; at < asked.length; at += 10) {
    const turn = asked
      .slice(at, at + 10)
      .flatMap((call) => [
        call,
        { name: 'execute_sentry_tool', args: { name: call.name, arguments: call.args } },
      ])
    const provider = await startAiProvider(t, [{ calls: turn }, { says: JSON.stringify({ result: 'done' }) }])
    const service = await startLimited(t, provider.settings)
    await callText(service, 'use_sentry', { request: 'everything' }, 'limited')
    const seen = JSON.parse(provider.requests[1]?.body ?? '{"input":[]}').input as { output?: string }[]
    const outputs = JSON.stringify(seen.map(({ output }) => output))
    for (const mark of marks) t.notOk(outputs.includes(mark), mark)
  }
})

test('the tools of the own project work', async (t) => {
  const service = await startLimited(t)
  const issue = service.sentry.data.organizations[0]?.issues.find(({ project }) => project.slug === OWN)
  const event = issue?.events[0]
  const own: [string, object][] = [
    ['whoami', {}],
    ['search_issues', { query: 'is:unresolved' }],
    ['get_issue_details', { issueId: issue?.shortId }],
    ['get_event_stacktrace', { issueId: issue?.shortId }],
    ['get_issue_activity', { issueId: issue?.shortId }],
    ['get_issue_breadcrumbs', { issueId: issue?.shortId }],
    ['get_issue_tag_values', { issueId: issue?.shortId, tagKey: 'browser' }],
    ['search_issue_events', { issueId: issue?.shortId, query: '' }],
    ['search_events', { dataset: 'errors', query: '' }],
    ['search_events', { dataset: 'spans', query: '' }],
    ['get_event_attachment', { eventId: event?.id }],
    ['find_releases', {}],
    ['find_monitors', {}],
    ['find_uptime_monitors', {}],
    ['find_alert_rules', { kind: 'issue' }],
    ['find_dashboards', {}],
    ['find_dsns', {}],
    ['search_agent_conversations', {}],
    ['get_replay_details', { replayId: service.sentry.data.organizations[0]?.replays[0]?.id }],
    ['get_sentry_resource', { resourceType: 'issue', resourceId: issue?.shortId }],
    ['update_issue', { issueId: issue?.shortId, status: 'resolved' }],
    ['add_issue_note', { issueId: issue?.shortId, text: 'Seen.' }],
    ['create_dsn', { name: 'CI' }],
  ]
  for (const [name, args] of own) {
    const result = await service.call(name, args, { caller: 'limited' })
    t.notOk(result.isError, `${name}: ${readText(result).slice(0, 200)}`)
  }
})

/** A service with a caller that is limited to one project. */
async function startLimited(t: Test, settings: Record<string, string> = {}): Promise<McpService> {
  const service = await startMcp(t, {
    settings: { TOOL_SURFACE: 'full', DIRECT_SEARCH: 'true', ...settings },
  })
  const projectId = findProject(service.sentry, OWN)?.id
  service.addCaller('whole')
  service.addCaller('limited', {
    constraints: {
      organizationSlug: ORGANIZATION,
      projectSlug: OWN,
      projectId,
      projectCapabilities: EVERY_CAPABILITY,
    },
  })
  return service
}

function findProject({ data }: SentrySandbox, slug: string) {
  return data.organizations[0]?.projects.find((project) => project.slug === slug)
}

/** Calls of every tool with the ids of another project, and text that only that project has. */
function describeOther(sentry: SentrySandbox) {
  const [organization] = sentry.data.organizations
  const other = findProject(sentry, OTHER)
  const issue = organization?.issues.find(({ project }) => project.slug === OTHER)
  const event = issue?.events[0]
  if (organization === undefined || issue === undefined || event === undefined) throw new Error('no data')
  const swap: Record<string, unknown> = {
    projectSlug: OTHER,
    projectSlugOrId: other?.id,
    project: OTHER,
    issueId: issue.shortId,
    eventId: event.id,
  }
  const replace = (args: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(args).map(([name, value]) => [name, swap[name] ?? value]))
  const calls = listToolCalls(sentry.data).flatMap(({ name, arguments: args }) => [
    { name, arguments: replace(args) },
    { name, arguments: args },
    { name, arguments: { ...replace(args), projectSlug: OTHER, project: other?.id } },
  ])
  const base = `${sentry.url}/organizations/${ORGANIZATION}`
  const urls = [
    `${base}/issues/${issue.id}/`,
    `${base}/issues/${issue.id}/events/${event.id}/`,
    `${base}/explore/traces/trace/${ORDER_TRACE.id}/`,
    `${base}/performance/trace/${ORDER_TRACE.id}/?node=span-${ORDER_TRACE.spans.chargeCard}`,
    `${base}/profiling/profile/${OTHER}/${organization.profiles[0]?.id}/flamegraph/`,
    `${base}/crons/${OTHER}/settle-payments/`,
    `${base}/monitors/${OTHER}/settle-payments/`,
    `${base}/preprod/snapshots/36002/`,
    `${base}/preprod/snapshots/36002/?selectedSnapshot=cart-with-offer.png`,
    `${base}/explore/agents/conversations/${organization.conversations[0]?.id}/?project=${other?.id}`,
  ]
  const ids: [string, unknown][] = [
    ['issue', issue.shortId],
    ['event', event.id],
    ['trace', ORDER_TRACE.id],
    ['ai_conversation', organization.conversations[0]?.id],
    ['monitor', 'settle-payments'],
    ['snapshot', '36002'],
  ]
  const resources = [
    ...urls.map((url) => ({ url })),
    ...ids.map(([resourceType, resourceId]) => ({ resourceType, resourceId })),
  ]
  const marks = [issue.title, 'SELECT id, stock FROM books', 'INSERT INTO orders', 'session:7f31']
  return { calls, resources, marks }
}

function listRequests(sentry: SentrySandbox, from: number) {
  return sentry.requests.slice(from).map((request) => {
    const url = new URL(request.path, sentry.url)
    for (const [name, value] of Object.entries(request.query)) {
      for (const one of [value].flat()) url.searchParams.append(name, String(one))
    }
    return { ...request, url }
  })
}

/** Whether a request goes to another project, or changes what belongs to the organization. */
function leaves(sentry: SentrySandbox, method: string, url: URL): boolean {
  const other = [OTHER, String(findProject(sentry, OTHER)?.id)]
  const [, , , collection, , part = ''] = url.pathname.split('/')
  if (collection === 'projects') return other.includes(part)
  if (url.searchParams.getAll('project').some((project) => other.includes(project) || project === '-1'))
    return true
  if (['trace', 'trace-meta', 'preprodartifacts'].includes(part)) return true
  return method !== 'GET' && part !== 'issues'
}

/** What a limited connection must not change. */
function snapshot({ organizations }: SentryData): string {
  return JSON.stringify(
    organizations.map(({ teams, projects, issues }) => ({
      teams: teams.map(({ slug }) => slug),
      projects: projects.map(({ slug, name, keys }) => (slug === OWN ? slug : [slug, name, keys.length])),
      issues: issues
        .filter(({ project }) => project.slug !== OWN)
        .map(({ shortId, status }) => [shortId, status]),
    })),
  )
}
