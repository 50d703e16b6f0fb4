import { type Test, test } from 'tap'
import { startService, useEmbeddedStore } from '../../support/service.ts'
import { startDocsSite } from '../docs-site.ts'
import type { McpSession } from '../walk/mcp-session.ts'
import { walk } from '../walk/walk.ts'

const ORGANIZATION = { organizationSlug: 'tidewater-books' }

/** Signs in at a service in front of the stand-in, and calls tools as a client does. */
async function start(t: Test) {
  const docs = await startDocsSite()
  t.teardown(() => docs.close())
  const settings = { ...useEmbeddedStore(t), DIRECT_SEARCH: 'true', MCP_URL: docs.url }
  const { url, sentry } = await startService(t, { settings, sentry: { seerPolls: 0 } })
  const { session } = await walk(`${url}/mcp`)
  const [organization] = sentry.data.organizations
  if (organization === undefined) throw new Error('There is no organization.')
  return { docs, sentry, organization, call: (name: string, args = {}) => callTool(session, name, args) }
}

async function callTool(session: McpSession, name: string, args: object): Promise<ToolResult> {
  const response = await session.request('tools/call', { name, arguments: args })
  if (!response.ok) throw new Error(`The response to ${name} is ${response.status}: ${response.text}`)
  const content = response.result.content as {
    type: string
    text?: string
    mimeType?: string
    data?: string
  }[]
  return {
    isError: response.result.isError === true,
    text: content.map(({ text }) => text ?? '').join('\n'),
    content,
    structured: response.result.structuredContent as Record<string, unknown> | undefined,
  }
}

interface ToolResult {
  isError: boolean
  text: string
  content: { type: string; text?: string; mimeType?: string; data?: string }[]
  structured: Record<string, unknown> | undefined
}

test('the stand-in responds to every tool that looks around', async (t) => {
  const { call } = await start(t)
  t.match((await call('whoami')).structured, { user: { id: '1001', email: 'mara@tidewater.example' } })
  t.match((await call('find_organizations', { query: 'lantern' })).structured, {
    organizations: [{ slug: 'lantern-labs' }],
  })
  t.match((await call('find_teams', ORGANIZATION)).structured, {
    teams: [{ slug: 'web' }, { slug: 'payments' }],
  })
  t.match((await call('find_projects', ORGANIZATION)).structured, {
    projects: [{ slug: 'storefront' }, { slug: 'checkout-api' }],
  })
  const releases = await call('find_releases', { ...ORGANIZATION, projectSlug: 'storefront' })
  t.match(releases.structured, {
    releases: [{ version: 'storefront@2.8.0' }, { version: 'storefront@2.7.1' }],
  })
  const dsns = await call('find_dsns', { ...ORGANIZATION, projectSlug: 'storefront' })
  t.match(dsns.structured, { dsns: [{ name: 'Default' }] })
})

test('issues, events, traces and attachments agree with each other', async (t) => {
  const { call, sentry, organization } = await start(t)
  const [issue] = organization.issues
  const eventId = issue?.events[0]?.id
  const found = await call('search_issues', { ...ORGANIZATION, query: 'is:unresolved', sort: 'freq' })
  t.match(found.text, /1\. \[STOREFRONT-1\].*Events\*\*: 7/s)

  const details = await call('get_issue_details', { ...ORGANIZATION, issueId: 'STOREFRONT-1' })
  t.match(details.text, /Occurrences\*\*: 7/)
  t.match(details.text, 'return sum + offer.price.amount * item.count')
  const url = `${sentry.url}/organizations/tidewater-books/issues/${issue?.id}/`
  t.match((await call('get_sentry_resource', { url })).text, /Occurrences\*\*: 7/)
  const counted = await call('search_events', {
    ...ORGANIZATION,
    dataset: 'errors',
    query: 'issue:STOREFRONT-1',
    fields: ['issue', 'count()'],
    sort: '-count()',
  })
  t.match(counted.text, '"count()": 7')
  const events = await call('search_issue_events', {
    ...ORGANIZATION,
    issueId: 'STOREFRONT-1',
    query: 'browser:Safari*',
  })
  t.match(events.text, 'Found 2 errors')

  const trace = await call('get_trace_details', { ...ORGANIZATION, traceId: organization.spans[0]?.traceId })
  t.match(trace.text, /Total Spans\*\*: 10.*Errors\*\*: 2.*Logs\*\*: 3/s)
  t.match(
    (await call('search_events', { ...ORGANIZATION, dataset: 'spans', query: 'span.op:db' })).text,
    'Found 3',
  )
  t.match(
    (await call('search_events', { ...ORGANIZATION, dataset: 'logs', query: 'severity:error' })).text,
    'Found 1',
  )
  const unknown = await call('search_events', { ...ORGANIZATION, dataset: 'errors', query: 'nonsense:1' })
  t.ok(unknown.isError)
  t.match(unknown.text, 'nonsense')

  const where = { ...ORGANIZATION, projectSlug: 'storefront', eventId }
  t.match((await call('get_event_attachment', where)).text, /screenshot\.png.*console\.log/s)
  const [image] = (await call('get_event_attachment', { ...where, attachmentId: '88001' })).content
  t.match(image, { type: 'image', mimeType: 'image/png' })
  t.equal(
    Buffer.from(image?.data ?? '', 'base64')
      .subarray(1, 4)
      .toString(),
    'PNG',
  )
  t.match(
    (await call('get_event_attachment', { ...where, attachmentId: '88002' })).text,
    'price of item 4471',
  )
})

test('changes that tools make are found afterwards', async (t) => {
  const { call, organization } = await start(t)
  await call('update_issue', {
    ...ORGANIZATION,
    issueId: 'STOREFRONT-1',
    status: 'resolved',
    assignedTo: 'user:1001',
    reason: 'Fixed in 2.8.1',
  })
  const resolved = await call('search_issues', { ...ORGANIZATION, query: 'is:resolved assigned:me' })
  t.match(resolved.text, 'STOREFRONT-1')
  t.match(organization.issues[0]?.activity[0], { type: 'note', data: { text: 'Fixed in 2.8.1' } })
  t.equal(organization.issues[0]?.events.length, 7)

  await call('create_team', { ...ORGANIZATION, name: 'Data' })
  t.match((await call('find_teams', { ...ORGANIZATION, query: 'data' })).structured, {
    teams: [{ slug: 'data' }],
  })
  const again = await call('create_team', { ...ORGANIZATION, name: 'Data' })
  t.ok(again.isError)
  const project = { ...ORGANIZATION, teamSlug: 'data', name: 'Warehouse', platform: 'python' }
  t.match((await call('create_project', project)).text, /SENTRY_DSN\*\*: http:\/\/[0-9a-f]{32}@127\.0\.0\.1/)
  const renamed = { ...ORGANIZATION, projectSlug: 'warehouse', slug: 'warehouse-eu', name: 'Warehouse EU' }
  t.match((await call('update_project', renamed)).structured, {
    project: { slug: 'warehouse-eu', platform: 'python' },
  })
  await call('create_dsn', { ...ORGANIZATION, projectSlug: 'warehouse-eu', name: 'CI' })
  const dsns = await call('find_dsns', { ...ORGANIZATION, projectSlug: 'warehouse-eu' })
  t.match(dsns.structured, { dsns: [{ name: 'Default' }, { name: 'CI' }] })
})

test('Seer finds a root cause, and the documentation is found', async (t) => {
  const { call, docs } = await start(t)
  const analysis = await call('analyze_issue_with_seer', { ...ORGANIZATION, issueId: 'CHECKOUT-API-1' })
  t.match(analysis.text, 'Charge in the background')
  const page = '/platforms/javascript/guides/node/sampling.md'
  const found = await call('search_docs', { query: 'sampling rate', guide: 'javascript/node' })
  t.match(found.text, page)
  t.match(docs.searches, [{ query: 'sampling rate', guide: 'javascript/node' }])
  t.teardown(docs.redirectSentryDocs())
  t.match((await call('get_doc', { path: page })).text, 'tracesSampler')
  t.match((await call('get_doc', { path: '/nowhere.md' })).text, 'not found')
})
