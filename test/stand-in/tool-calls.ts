import type { SentryData } from '../sandbox/sentry/data.ts'
import { GAUGE_TRACE } from '../sandbox/sentry/data-tide-gauge.ts'
import { ORDER_TRACE } from '../sandbox/sentry/data-trace.ts'

export interface ToolCall {
  name: string
  arguments: Record<string, unknown>
}

/** Tools whose responses come from elsewhere: `get_doc` reads https://docs.sentry.io, which nothing redirects. */
export const TOOLS_WITHOUT_SENTRY = ['get_doc']

/** At least one call of every tool that asks Sentry, in an order in which each succeeds: reads first, then writes. */
export function listToolCalls({ organizations }: SentryData): ToolCall[] {
  const [bookshop, instruments] = organizations
  const [storefront] = bookshop?.projects ?? []
  const [issue] = bookshop?.issues ?? []
  const [event] = issue?.events ?? []
  const [replay] = bookshop?.replays ?? []
  const [profile, chunk] = bookshop?.profiles ?? []
  const [conversation] = bookshop?.conversations ?? []
  const gauge = instruments?.issues.find(({ shortId }) => shortId === 'TIDE-GAUGE-1')
  if (!storefront || !issue || !event || !replay || !profile || !chunk || !conversation || !gauge)
    throw new Error('The sample data lacks something that a tool shows.')

  const at = (more: Record<string, unknown> = {}) => ({ organizationSlug: 'tidewater-books', ...more })
  const inInstruments = (more: Record<string, unknown>) => ({ organizationSlug: 'lantern-labs', ...more })
  const inStorefront = at({ projectSlug: 'storefront' })
  const inCheckout = at({ projectSlug: 'checkout-api' })
  const ofIssue = at({ issueId: issue.shortId })
  const chunkPeriod = {
    start: chunk.startedAt.toISOString(),
    end: new Date(chunk.startedAt.getTime() + 60_000).toISOString(),
  }
  const calls: [string, Record<string, unknown>][] = [
    ['whoami', {}],
    ['search_sentry_tools', { query: 'issue' }],
    ['search_docs', { query: 'sampling rate' }],
    ['find_organizations', {}],
    ['find_teams', at()],
    ['find_projects', at()],
    ['find_projects', inInstruments({})],
    ['find_releases', at()],
    ['find_releases', inStorefront],
    ['get_release_details', at({ releaseVersion: 'storefront@2.8.0' })],
    [
      'get_release_details',
      at({ releaseVersion: 'storefront@2.8.0', projectSlugOrId: 'storefront', includeHealth: true }),
    ],
    ['find_dashboards', at()],
    ['get_dashboard_details', at({ dashboardIdOrTitle: 'Payments' })],
    ['find_monitors', at()],
    ['get_monitor_details', at({ monitorSlug: 'settle-payments' })],
    ['get_monitor_details', at({ monitorSlug: 'settle-payments', projectSlugOrId: 'checkout-api' })],
    ['find_uptime_monitors', inCheckout],
    ['get_uptime_monitor_details', { ...inCheckout, uptimeMonitorId: '33001' }],
    ['find_alert_rules', inStorefront],
    ['find_alert_rules', { ...inCheckout, kind: 'metric', query: 'timeouts' }],
    ['get_alert_rule', { ...inStorefront, kind: 'issue', ruleIdOrName: '34001' }],
    ['get_alert_rule', { ...inCheckout, kind: 'metric', ruleIdOrName: '35001' }],
    ['search_issues', at({ query: 'is:unresolved' })],
    ['search_issues', inInstruments({ query: '', limit: 100, sort: 'recommended' })],
    ['get_issue_details', ofIssue],
    ['get_issue_details', at({ issueId: 'CHECKOUT-API-2' })],
    ['get_issue_details', inInstruments({ issueId: 'TIDE-GAUGE-1' })],
    ['get_issue_details', at({ eventId: event.id })],
    ['get_event_stacktrace', ofIssue],
    ['get_issue_activity', ofIssue],
    ['get_issue_breadcrumbs', ofIssue],
    ['get_issue_user_reports', ofIssue],
    ['get_issue_tag_values', { ...ofIssue, tagKey: 'browser' }],
    ['search_issue_events', { ...ofIssue, query: 'environment:production' }],
    ['get_event_attachment', { ...inStorefront, eventId: event.id }],
    ['get_event_attachment', { ...inStorefront, eventId: event.id, attachmentId: '88001' }],
    [
      'get_event_attachment',
      inInstruments({ projectSlug: 'tide-gauge', eventId: gauge.events[0]?.id, attachmentId: '88101' }),
    ],
    ['get_trace_details', at({ traceId: ORDER_TRACE.id })],
    ['get_trace_details', inInstruments({ traceId: GAUGE_TRACE })],
    ['get_span_details', at({ traceId: ORDER_TRACE.id, spanId: ORDER_TRACE.spans.chargeCard })],
    ['search_events', at({ dataset: 'errors', query: 'level:error' })],
    ['search_events', at({ dataset: 'spans', query: 'span.op:db' })],
    ['search_events', at({ dataset: 'logs', query: 'severity:error' })],
    ['search_events', at({ dataset: 'metrics', query: 'metric.name:cart.items' })],
    ['search_events', at({ dataset: 'profiles', query: 'transaction:"POST /orders"' })],
    ['search_events', at({ dataset: 'replays', query: '' })],
    ['get_replay_details', at({ replayId: replay.id })],
    ['get_profile', at({ projectSlugOrId: 'checkout-api', transactionName: 'POST /orders' })],
    ['get_profile_details', at({ projectSlugOrId: 'checkout-api', profileId: profile.id })],
    [
      'get_profile_details',
      at({ projectSlugOrId: 'checkout-api', profilerId: chunk.profilerId, ...chunkPeriod }),
    ],
    ['get_snapshot', at({ snapshotId: '36002', showUnmodified: true })],
    ['get_snapshot_image', at({ snapshotId: '36002', imageIdentifier: 'cart-with-offer.png' })],
    ['get_latest_base_snapshot', at({ appId: 'tidewater.storefront' })],
    ['search_agent_conversations', at()],
    ['search_ai_conversations', at()],
    ['get_agent_conversation_details', at({ conversationId: conversation.id })],
    ['get_ai_conversation_details', at({ conversationId: conversation.id })],
    ['get_sentry_resource', at({ resourceType: 'issue', resourceId: issue.shortId })],
    ['get_sentry_resource', at({ resourceType: 'trace', resourceId: ORDER_TRACE.id })],
    ['get_sentry_resource', at({ resourceType: 'replay', resourceId: replay.id })],
    ['analyze_issue_with_seer', at({ issueId: 'CHECKOUT-API-1' })],
    ['execute_sentry_tool', { name: 'find_teams', arguments: at() }],

    ['update_issue', { ...ofIssue, status: 'resolved', assignedTo: 'user:1001', reason: 'Fixed in 2.8.1' }],
    ['add_issue_note', { ...ofIssue, text: 'The offer ended on Monday.' }],
    ['create_team', at({ name: 'Data' })],
    [
      'create_project',
      at({ teamSlug: 'data', name: 'Warehouse', platform: 'python', repository: 'tidewater/storefront' }),
    ],
    ['update_project', at({ projectSlug: 'warehouse', name: 'Warehouse EU' })],
    ['add_team_to_project', at({ projectSlug: 'warehouse', teamSlug: 'web' })],
    ['remove_team_from_project', at({ projectSlug: 'warehouse', teamSlug: 'web' })],
    ['create_dsn', { ...inStorefront, name: 'CI' }],
    ['update_dsn', { ...inStorefront, keyId: storefront.keys[0]?.id, loaderHasReplay: true }],
    ['find_dsns', inStorefront],
    [
      'create_uptime_monitor',
      { ...inStorefront, name: 'Shop', url: 'https://tidewater.example/', intervalSeconds: 60 },
    ],
    ['update_uptime_monitor', { ...inStorefront, uptimeMonitorId: '33101', name: 'Shop window' }],
    ['delete_uptime_monitor', { ...inStorefront, uptimeMonitorId: '33101' }],
    [
      'onboarding_status_update',
      at({ runToken: 'abcde12345', update: { stage: 'analyze_project', status: 'completed' } }),
    ],
  ]
  return calls.map(([name, args]) => ({ name, arguments: args }))
}
