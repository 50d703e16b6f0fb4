import type { SentryLocation } from '../../lib/upstream/location.ts'
import { requestSentry } from '../../lib/upstream/request.ts'

/** A call of a reading tool with things that exist at a Sentry, or the reason why there is none. */
export interface SampleCall {
  tool: string
  /** Undefined where Sentry has no such thing. */
  args: Record<string, unknown> | undefined
}

type Item = Readonly<Record<string, unknown>>

/**
 * A call of every tool that only reads, with the first thing of each kind that the user of the token can see. Undefined
 * if the token reaches no organization. Throws `UpstreamUnavailableError`.
 */
export async function listSampleCalls(
  sentry: SentryLocation,
  accessToken: string,
): Promise<SampleCall[] | undefined> {
  const [organization] = await list('/organizations/?per_page=1')
  const organizationSlug = readText(organization, 'slug')
  if (organizationSlug === undefined) return undefined
  const below = `/organizations/${organizationSlug}`
  const [issue] = await list(`${below}/issues/?limit=1&query=`)
  const [anyProject] = await list(`${below}/projects/?per_page=1`)
  const projectSlug = readText(issue?.project as Item | undefined, 'slug') ?? readText(anyProject, 'slug')
  const event = issue && ((await get(`${below}/issues/${issue.id}/events/latest/`)) as Item | undefined)
  const trace = (event?.contexts as { trace?: Item } | undefined)?.trace
  const [tag] = Array.isArray(event?.tags) ? (event.tags as Item[]) : []
  const firstOf = async (path: string) => (await list(path))[0]
  const [release, dashboard, monitor, uptime, rule, metricRule, replay, profile] = await Promise.all([
    firstOf(`${below}/releases/?per_page=1`),
    firstOf(`${below}/dashboards/?per_page=1`),
    firstOf(`${below}/monitors/?per_page=1`),
    firstOf(`${below}/uptime/`),
    projectSlug && firstOf(`/projects/${organizationSlug}/${projectSlug}/rules/`),
    firstOf(`${below}/alert-rules/?per_page=1`),
    firstOf(`${below}/replays/?per_page=1`),
    firstOf(`${below}/events/?dataset=profiles&field=profile.id&field=transaction&field=project&per_page=1`),
  ])
  const conversation =
    (await firstOf(`${below}/agents/conversations/`)) ?? (await firstOf(`${below}/ai-conversations/`))

  /** The arguments, within the organization; undefined if one of them is missing. */
  function at(args: Record<string, unknown> = {}): Record<string, unknown> | undefined {
    const isComplete = Object.values(args).every((value) => value !== undefined && value !== '')
    return isComplete ? { organizationSlug, ...args } : undefined
  }

  const ofIssue = at({ issueId: readText(issue, 'shortId') })
  const traceId = readText(trace, 'trace_id')
  const conversationId = readText(conversation, 'conversationId')
  const replayId = readText(replay, 'id')
  const projectOfProfile = readText(profile, 'project')
  const calls: Record<string, Record<string, unknown> | undefined> = {
    whoami: {},
    find_organizations: {},
    find_teams: at(),
    find_projects: at(),
    find_releases: at(),
    get_release_details: at({ releaseVersion: readText(release, 'version') }),
    find_dashboards: at(),
    get_dashboard_details: at({ dashboardIdOrTitle: readText(dashboard, 'id') }),
    find_monitors: at(),
    get_monitor_details: at({ monitorSlug: readText(monitor, 'slug') }),
    find_uptime_monitors: at(),
    get_uptime_monitor_details: at({
      projectSlug: readText(uptime, 'projectSlug'),
      uptimeMonitorId: readText(uptime, 'id'),
    }),
    find_alert_rules: at({ projectSlug }),
    'get_alert_rule (issue)': at({
      kind: 'issue',
      projectSlug,
      ruleIdOrName: readText(rule || undefined, 'id'),
    }),
    'get_alert_rule (metric)': at({ kind: 'metric', ruleIdOrName: readText(metricRule, 'id') }),
    get_issue_details: ofIssue,
    get_event_stacktrace: ofIssue,
    get_issue_activity: ofIssue,
    get_issue_breadcrumbs: ofIssue,
    get_issue_user_reports: ofIssue,
    get_issue_tag_values: ofIssue && at({ ...ofIssue, tagKey: readText(tag, 'key') }),
    get_event_attachment: at({ projectSlug, eventId: readText(event, 'eventID') }),
    get_trace_details: at({ traceId }),
    get_span_details: at({ traceId, spanId: readText(trace, 'span_id') }),
    get_replay_details: at({ replayId }),
    get_profile: at({ projectSlugOrId: projectOfProfile, transactionName: readText(profile, 'transaction') }),
    get_profile_details: at({
      projectSlugOrId: projectOfProfile,
      profileId: readText(profile, 'profile.id'),
    }),
    find_dsns: at({ projectSlug }),
    search_issues: at({ query: '', sort: 'recommended' }),
    search_issue_events: ofIssue,
    search_agent_conversations: at(),
    get_agent_conversation_details: at({ conversationId }),
    get_sentry_resource: at({ resourceType: 'issue', resourceId: readText(issue, 'shortId') }),
    // No route lists them.
    get_snapshot: undefined,
    get_snapshot_image: undefined,
    get_latest_base_snapshot: undefined,
    ...Object.fromEntries(
      ['errors', 'spans', 'logs', 'metrics', 'profiles', 'replays'].map((dataset) => [
        `search_events (${dataset})`,
        at({ dataset }),
      ]),
    ),
  }
  return Object.entries(calls).map(([tool, args]) => ({ tool, args }))

  async function list(path: string): Promise<Item[]> {
    const body = await get(path)
    const { data = body } = (body ?? {}) as { data?: unknown }
    return Array.isArray(data) ? data : []
  }

  /** Undefined unless Sentry responds with it; an old release does not have every route. */
  async function get(path: string): Promise<unknown> {
    const headers = { authorization: `Bearer ${accessToken}` }
    const { status, body } = await requestSentry(sentry, `/api/0${path}`, {
      headers,
      maxBytes: 8 * 1024 * 1024,
    })
    return status === 200 ? body : undefined
  }
}

function readText(item: Item | undefined, name: string): string | undefined {
  const value = item?.[name]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}
