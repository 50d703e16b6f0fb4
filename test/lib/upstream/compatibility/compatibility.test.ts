import { type Test, test } from 'tap'
import { createCompatibility } from '../../../../lib/upstream/compatibility/compatibility.ts'
import { createSentryLocation } from '../../../../lib/upstream/location.ts'
import type { Feature, SentryRelease } from '../../../sandbox/sentry/releases.ts'
import { startSentry } from '../../../sandbox/sentry/server.ts'
import { type McpService, readText, startMcp } from '../../../support/mcp-service.ts'

// Which release has what: `ROUTE_RULES` and `DATASET_RULES` of test/sandbox/sentry/releases.ts, from the history of
// Sentry's API schema. The substitutes read what those releases respond.

const ORGANIZATION = { organizationSlug: 'tidewater-books' }
const PROJECT = { ...ORGANIZATION, projectSlug: 'storefront' }

test('search_events works where events/validate is missing or switched off', async (t) => {
  for (const [release, features] of [
    ['24.8.0', {}],
    ['26.8.0', { 'visibility-explore-view': false }],
  ] as const) {
    const { call, requests } = await start(t, release, features)
    const search = { ...ORGANIZATION, dataset: 'errors', fields: ['issue', 'count()'], sort: '-count()' }
    t.match(readText(await call('search_events', search)), '"count()": 7', release)
    const before = requests('/events/').length
    t.match(readText(await call('search_events', search)), '"count()": 7')
    t.same(requests('/events/').slice(before), ['200 /api/0/organizations/tidewater-books/events/'])
    t.match(await call('search_events', { ...search, query: '(title:x' }), { isError: true })
  }
})

test('a trace of an old release shows its transactions and says so', async (t) => {
  for (const release of ['24.8.0', '25.6.0', '26.3.0'] as const) {
    const { call, requests, traceId } = await start(t, release)
    const text = readText(await call('get_trace_details', { ...ORGANIZATION, traceId }))
    t.match(text, /Total Spans\*\*: 10.*Errors\*\*: 2/s, release)
    t.match(
      text,
      `This Sentry (${release}) shows the transactions of a trace, but not its spans, which came with 26.4.0.`,
    )
    const before = requests('trace').length
    t.notOk((await call('get_trace_details', { ...ORGANIZATION, traceId })).isError)
    t.notOk(
      requests('/trace/')
        .slice(before)
        .some((line) => line.startsWith('404')),
      'the route is not asked again',
    )
  }
  const old = await start(t, '24.8.0')
  const absent = { ...ORGANIZATION, traceId: old.traceId, spanId: '00000000deadbeef' }
  t.match(readText(await old.call('get_span_details', absent)), 'but not its spans', 'a failure says it too')
  const { call, traceId } = await start(t, '26.6.0')
  t.notMatch(readText(await call('get_trace_details', { ...ORGANIZATION, traceId })), 'came with 26.4.0')
})

test('issue alert rules are right on every release, by list, id and name', async (t) => {
  for (const release of ['24.8.0', '25.6.0', '25.12.0', '26.3.0', '26.6.0', '26.8.0'] as const) {
    const { call, requests } = await start(t, release)
    const rules = await call('find_alert_rules', { ...PROJECT, kind: 'issue' })
    const [rule] = (rules.structuredContent?.issueRules ?? []) as { id: string; name: string }[]
    t.match(rule, { id: '34001', name: 'New issue in the storefront' }, release)
    for (const ruleIdOrName of [rule?.id, rule?.name]) {
      const found = await call('get_alert_rule', { ...PROJECT, kind: 'issue', ruleIdOrName })
      t.match(readText(found), /34001.*Send a notification|34001.*email/is, `${release} ${ruleIdOrName}`)
    }
    const before = { workflows: requests('/workflows/').length, rules: requests('/rules/').length }
    t.notOk(
      (await call('find_alert_rules', { ...PROJECT, kind: 'issue', query: 'nothing has this name' })).isError,
    )
    const isOld = release !== '26.8.0'
    t.equal(requests('/workflows/').length - before.workflows, isOld ? 0 : 1, `${release} is asked once`)
    t.equal(requests('/rules/').length - before.rules, isOld ? 1 : 0, `${release}: no rule is a result too`)
  }
})

test('a dataset that this release lacks is named with its release and feature', async (t) => {
  const rows = [
    [
      '24.8.0',
      'spans',
      'This Sentry (24.8.0) does not store spans for search; it came with 25.7.0. Search errors instead.',
    ],
    [
      '25.6.0',
      'spans',
      'This Sentry (25.6.0) does not store spans for search; it came with 25.7.0. Search errors instead.',
    ],
    [
      '25.6.0',
      'logs',
      'This Sentry (25.6.0) does not store logs for search; it came with 25.9.0 and `ourlogs-enabled`.',
    ],
    [
      '26.3.0',
      'metrics',
      'This Sentry (26.3.0) does not store metrics for search; it came with 26.5.0 and `tracemetrics-enabled`.',
    ],
  ] as const
  for (const [release, dataset, sentence] of rows) {
    const { call } = await start(t, release)
    t.same(
      await call('search_events', { ...ORGANIZATION, dataset }),
      failure(sentence),
      `${release} ${dataset}`,
    )
  }
  const { call } = await start(t, '26.8.0', { 'ourlogs-enabled': false })
  t.same(
    await call('search_events', { ...ORGANIZATION, dataset: 'logs' }),
    failure(
      'This Sentry (26.8.0) does not store logs for search: `ourlogs-enabled` is not switched on in its sentry.conf.py.',
    ),
  )
})

test('Seer is asked for once on a Sentry without it', async (t) => {
  const { call, requests } = await start(t, '26.8.0')
  const sentence =
    'This Sentry (26.8.0) does not have Seer, which is a service of sentry.io. Use get_issue_details, and analyze the issue from its stack trace.'
  const issue = { ...ORGANIZATION, issueId: 'CHECKOUT-API-1' }
  t.same(await call('analyze_issue_with_seer', issue), failure(sentence))
  t.same(await call('analyze_issue_with_seer', issue), failure(sentence))
  t.notOk((await call('get_issue_details', issue)).isError)
  t.equal(requests('/autofix/').length, 1)
})

test('a missing route is not a success of a deletion', async (t) => {
  const { call } = await start(t, '25.6.0')
  const monitor = { ...ORGANIZATION, projectSlug: 'checkout-api', uptimeMonitorId: '33001' }
  const removed = await call('execute_sentry_tool', { name: 'delete_uptime_monitor', arguments: monitor })
  t.same(removed, failure('This Sentry (25.6.0) does not monitor uptime; it came with 25.7.0 and `uptime`.'))
})

test('conversations of AI agents are read under their former name', async (t) => {
  const { call, conversationId } = await start(t, '26.3.0')
  const run = (name: string, args: object) => call('execute_sentry_tool', { name, arguments: args })
  t.match(readText(await run('search_agent_conversations', ORGANIZATION)), conversationId)
  const details = await run('get_agent_conversation_details', { ...ORGANIZATION, conversationId })
  t.notOk(details.isError, readText(details))
})

test('issues are sorted by date where they cannot be by recommendation', async (t) => {
  const { call } = await start(t, '24.8.0')
  const found = readText(
    await call('search_issues', { ...ORGANIZATION, query: 'is:unresolved', sort: 'recommended' }),
  )
  t.match(found, 'STOREFRONT-1')
  t.match(found, 'which came with 26.5.0. These are sorted by date.')
})

test('tools that cannot work at a release are hidden, those of the standard list never', async (t) => {
  const old = await start(t, '24.8.0', {}, { TOOL_SURFACE: 'full' })
  const names = await old.list()
  t.notOk(
    names.some((name) => /uptime_monitors$|conversation|snapshot|onboarding/.test(name)),
    names.join(),
  )
  t.ok(names.includes('analyze_issue_with_seer'))
  t.ok(names.includes('create_uptime_monitor'), 'its feature is unknown')
  const current = await start(t, '26.8.0', {}, { TOOL_SURFACE: 'full' })
  t.ok((await current.list()).includes('get_snapshot'), 'its feature is unknown')
})

test('a hidden tool says what this release lacks, called by name, through a gateway and by a link', async (t) => {
  const { service, conversationId } = await start(t, '25.6.0')
  const conversations =
    'This Sentry (25.6.0) does not show single conversations of AI agents; it came with 26.1.0.'
  const snapshots =
    'This Sentry (25.6.0) does not compare snapshots of user interfaces; it came with 26.3.0. Snapshots are not part of a stock self-hosted Sentry.'
  const details = { ...ORGANIZATION, conversationId }
  const snapshot = { ...ORGANIZATION, snapshotId: '36002' }
  const origin = 'https://sentry.example.com/organizations/tidewater-books'
  const calls: [name: string, args: object, sentence: string][] = [
    ['get_agent_conversation_details', details, conversations],
    ['get_ai_conversation_details', details, conversations],
    ['execute_sentry_tool', { name: 'get_agent_conversation_details', arguments: details }, conversations],
    [
      'read_sentry_tool',
      { name: ' get_ai_conversation_details ', arguments: JSON.stringify(details) },
      conversations,
    ],
    [
      'get_sentry_resource',
      { resourceType: 'ai_conversation', resourceId: conversationId, ...ORGANIZATION },
      conversations,
    ],
    ['get_snapshot', snapshot, snapshots],
    ['get_sentry_resource', { url: `${origin}/preprod/snapshots/36002/` }, snapshots],
    [
      'read_sentry_tool',
      {
        name: 'get_sentry_resource',
        arguments: { resourceType: 'snapshot', resourceId: '36002', ...ORGANIZATION },
      },
      snapshots,
    ],
  ]
  for (const [name, args, sentence] of calls)
    t.same(await service.call(name, args), failure(sentence), `${name} ${JSON.stringify(args)}`)
  t.equal(
    service.sentry.requests.some(({ path }) => /conversations|snapshots/.test(path)),
    false,
  )
  const off = await startMcp(t, { sentry: service.sentry, settings: { DISABLED_TOOLS: 'get_snapshot' } })
  const response = await off.post({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'no_such_tool' },
  })
  t.match(await response.json(), { error: { code: -32602, message: 'Unknown tool: no_such_tool' } })
})

// H6: before 26.4.0 the route wants a type, and mcp-core asks for all at once.
test('the attributes of all types are joined where a release has them by type (25.4.0 to 26.3.0)', async (t) => {
  const path = '/api/0/organizations/tidewater-books/trace-items/attributes/'
  for (const [release, expected] of [
    ['25.12.0', [400, 200, 200]],
    ['26.3.0', [400, 200, 200]],
    ['26.8.0', [200]],
  ] as const) {
    const sentry = await startSentry({ release })
    t.teardown(() => sentry.close())
    const { accessToken } = sentry.issueTokens()
    const location = createSentryLocation({ SENTRY_HOST: sentry.host, SENTRY_PROTOCOL: 'http' })
    const compatibility = createCompatibility(location)
    const taken: string[] = []
    const ask = async (search: string): Promise<Response> => {
      const url = new URL(`${path}${search}`, sentry.url)
      const forward = (target: URL) => fetch(target, { headers: { authorization: `Bearer ${accessToken}` } })
      return compatibility.send({ method: 'GET', url }, forward, { onDetour: (name) => taken.push(name) })
    }
    const read = async (search: string) =>
      (await (await ask(search)).json()) as { key: string; attributeType: string; attributeSource: object }[]
    const attributes = await read('?itemType=spans&statsPeriod=14d')
    const types = new Set(attributes.map(({ attributeType }) => attributeType))
    t.ok(types.has('string') && types.has('number'), release)
    for (const attribute of attributes) {
      t.match(attribute, { key: String, attributeType: /^(?:string|number|boolean)$/ }, release)
      t.match(attribute, { attributeSource: { source_type: /sentry|user/ } }, release)
    }
    const statuses = () =>
      sentry.requests.filter((request) => request.path === path).map(({ status }) => status)
    t.same(statuses(), expected, release)
    await read('?itemType=spans&statsPeriod=14d')
    t.equal(
      statuses().filter((status) => status === 400).length,
      expected[0] === 400 ? 1 : 0,
      'it is remembered',
    )
    const before = taken.length
    t.ok(
      (await read('?itemType=spans&attributeType=string')).length > 0,
      'a request for one type is passed on',
    )
    t.equal(taken.length, before)
    t.equal((await ask('?itemType=no-such-type')).ok, false, 'an error stays one')
  }
})

test('substitutes stay in the organization of the connection', async (t) => {
  const { service, requests } = await start(t, '24.8.0')
  service.addCaller('bound', {
    constraints: { organizationSlug: 'tidewater-books', projectSlug: 'storefront' },
  })
  const rules = await service.call(
    'execute_sentry_tool',
    { name: 'find_alert_rules', arguments: { kind: 'issue' } },
    { caller: 'bound' },
  )
  t.notOk(rules.isError, readText(rules))
  t.ok(requests('/rules/').length > 0)
  t.ok(requests('/rules/').every((line) => line.includes('/projects/tidewater-books/storefront/rules/')))
})

function failure(text: string) {
  return { content: [{ type: 'text', text }], isError: true }
}

async function start(
  t: Test,
  release: SentryRelease,
  features: Partial<Record<Feature, boolean>> = {},
  settings: Record<string, string> = {},
) {
  const sentry = await startSentry({ release, features })
  t.teardown(() => sentry.close())
  const service: McpService = await startMcp(t, { sentry, settings: { DIRECT_SEARCH: 'true', ...settings } })
  const [organization] = sentry.data.organizations
  await service.list()
  // The release is read in the background.
  while (!sentry.requests.some(({ path, status }) => path === '/api/client-config/' && status === 200))
    await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 20))
  const call: McpService['call'] = async (name, args, options) => {
    const isListed = (await service.list()).includes(name)
    return isListed
      ? service.call(name, args, options)
      : service.call('execute_sentry_tool', { name, arguments: args }, options)
  }
  return {
    service,
    call,
    list: service.list,
    traceId: organization?.spans[0]?.traceId,
    conversationId: organization?.conversations[0]?.id ?? '',
    /** Status and path of the requests whose path contains a text. */
    requests: (part: string) =>
      sentry.requests
        .filter(({ path }) => path.includes(part))
        .map(({ status, path }) => `${status} ${path}`),
  }
}
