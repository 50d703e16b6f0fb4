import type { SentryUser } from './accounts.ts'
import type {
  CheckIn,
  Dashboard,
  IssueRule,
  MetricRule,
  Monitor,
  UptimeCheck,
  UptimeMonitor,
  Widget,
} from './data-monitoring.ts'
import { type Json, showUser } from './views.ts'
import { showProject, type ViewContext } from './views-organization.ts'

const HOUR = 3_600_000

export function showListedDashboard(dashboard: Dashboard, user: SentryUser): Json {
  return {
    id: dashboard.id,
    title: dashboard.title,
    dateCreated: dashboard.dateCreated,
    createdBy: showUser(user),
    environment: [],
    filters: {},
    lastVisited: null,
    widgetDisplay: dashboard.widgets.map(({ displayType }) => displayType),
    widgetPreview: dashboard.widgets.map(({ displayType }) => ({ displayType })),
    permissions: { isEditableByEveryone: true, teamsWithEditAccess: [] },
    isFavorited: false,
    projects: dashboard.projects.map(({ id }) => Number(id)),
    prebuiltId: null,
  }
}

export function showDashboard(dashboard: Dashboard, user: SentryUser): Json {
  return {
    id: dashboard.id,
    title: dashboard.title,
    dateCreated: dashboard.dateCreated,
    createdBy: showUser(user),
    widgets: dashboard.widgets.map((widget, index) => showWidget(widget, index, dashboard)),
    projects: dashboard.projects.map(({ id }) => Number(id)),
    environment: [],
    filters: {},
    period: '14d',
    permissions: { isEditableByEveryone: true, teamsWithEditAccess: [] },
    isFavorited: false,
    prebuiltId: null,
  }
}

function showWidget(widget: Widget, index: number, dashboard: Dashboard): Json {
  const id = `${dashboard.id}${index}`
  return {
    id,
    title: widget.title,
    description: null,
    displayType: widget.displayType,
    thresholds: null,
    interval: '1h',
    dateCreated: dashboard.dateCreated,
    dashboardId: dashboard.id,
    queries: [
      {
        id: `${id}0`,
        name: '',
        fields: [...widget.columns, ...widget.aggregates],
        aggregates: widget.aggregates,
        columns: widget.columns,
        fieldAliases: [],
        conditions: widget.conditions,
        orderby: widget.orderby,
        widgetId: id,
        onDemand: [],
        isHidden: false,
        selectedAggregate: null,
        linkedDashboards: [],
      },
    ],
    limit: widget.displayType === 'table' ? 5 : null,
    widgetType: widget.widgetType,
    layout: { x: 0, y: index * 2, w: 4, h: 2, minH: 2 },
    axisRange: 'auto',
    legendType: null,
    datasetSource: 'user',
    exploreUrls: null,
    changedReason: null,
  }
}

export function showMonitor(monitor: Monitor, context: ViewContext): Json {
  const { owner, checkIns, dateCreated } = monitor
  const last = checkIns[0]?.at ?? dateCreated
  const next = new Date(last.getTime() + HOUR)
  return {
    id: monitor.id,
    name: monitor.name,
    slug: monitor.slug,
    status: 'active',
    isMuted: false,
    isUpserting: false,
    config: {
      schedule_type: 'crontab',
      schedule: monitor.crontab,
      checkin_margin: 5,
      max_runtime: 10,
      timezone: 'UTC',
      failure_issue_threshold: 1,
      recovery_threshold: 1,
      alert_rule_id: null,
    },
    dateCreated,
    project: showProject(monitor.project, context),
    environments: [
      {
        name: 'production',
        status: 'ok',
        isMuted: false,
        dateCreated,
        lastCheckIn: last,
        nextCheckIn: next,
        nextCheckInLatest: new Date(next.getTime() + HOUR / 12),
        activeIncident: null,
      },
    ],
    owner: { type: 'team', id: owner.id, name: owner.slug },
  }
}

export function showCheckIn({ id, status, duration, at }: CheckIn, { crontab }: Monitor): Json {
  return {
    id,
    environment: 'production',
    status,
    duration,
    dateCreated: at,
    dateAdded: at,
    dateUpdated: at,
    dateInProgress: status === 'missed' ? null : at,
    dateClock: at,
    expectedTime: at,
    monitorConfig: { schedule_type: 'crontab', schedule: crontab },
    groups: [],
  }
}

/** Check-ins an hour, oldest first. */
export function showMonitorStats({ checkIns }: Monitor): Json[] {
  const hours = Map.groupBy(checkIns, ({ at }) => Math.floor(at.getTime() / HOUR) * 3600)
  return [...hours]
    .map(([ts, members]) => ({
      ts,
      ok: members.filter(({ status }) => status === 'ok').length,
      error: members.filter(({ status }) => status === 'error').length,
      missed: members.filter(({ status }) => status === 'missed').length,
      timeout: 0,
      in_progress: 0,
      unknown: 0,
      duration: members[0]?.duration ?? 0,
    }))
    .reverse()
}

export function showUptimeMonitor({ checks, project, ...monitor }: UptimeMonitor): Json {
  return {
    ...monitor,
    projectSlug: project.slug,
    uptimeStatus: checks[0]?.httpStatusCode === null ? 2 : 1,
    mode: 1,
    assertion: null,
  }
}

export function showUptimeCheck(
  { id, at, durationMs, httpStatusCode }: UptimeCheck,
  monitor: UptimeMonitor,
): Json {
  const isMissed = httpStatusCode === null
  return {
    uptimeCheckId: id,
    timestamp: at,
    scheduledCheckTime: at,
    checkStatus: isMissed ? 'failure' : 'success',
    checkStatusReason: isMissed ? 'timeout' : null,
    assertionFailureData: null,
    httpStatusCode,
    durationMs,
    traceId: id.replaceAll('-', ''),
    traceItemId: id.replaceAll('-', ''),
    incidentStatus: 0,
    environment: monitor.environment ?? 'production',
    region: 'default',
    regionName: 'Default',
  }
}

const RULE_CLASS = 'sentry.rules.conditions'

/** An issue alert rule as a workflow, which is what releases since 26.7.0 keep. */
export function showWorkflow(rule: IssueRule, organizationId: string, hasDetectors: boolean): Json {
  const { team } = rule.action
  return {
    id: rule.id,
    name: rule.name,
    organizationId,
    createdBy: null,
    dateCreated: rule.dateCreated,
    dateUpdated: rule.dateCreated,
    triggers: {
      id: `${rule.id}1`,
      organizationId,
      logicType: 'any-short',
      conditions: [{ id: `${rule.id}2`, type: rule.condition, comparison: true, conditionResult: true }],
      actions: [],
    },
    actionFilters: [
      {
        id: `${rule.id}3`,
        organizationId,
        logicType: 'all',
        conditions: [],
        actions: [
          {
            id: `${rule.id}4`,
            type: 'email',
            integrationId: null,
            data: { fallthroughType: 'ActiveMembers' },
            config: { targetType: 'team', targetIdentifier: team.id, targetDisplay: team.slug },
            status: 'active',
          },
        ],
      },
    ],
    environment: rule.environment,
    config: { frequency: 30 },
    ...(hasDetectors ? { detectorIds: [`${rule.id}5`] } : {}),
    enabled: true,
    lastTriggered: rule.lastTriggered,
    owner: null,
  }
}

/** The same rule as `/projects/…/rules/` of every release has it. */
export function showIssueRule(rule: IssueRule): Json {
  const { team } = rule.action
  return {
    id: rule.id,
    name: rule.name,
    status: 'active',
    projects: [rule.project.slug],
    environment: rule.environment,
    owner: null,
    frequency: 30,
    actionMatch: 'any',
    filterMatch: 'all',
    conditions: [{ id: `${RULE_CLASS}.${rule.condition}`, name: rule.condition.replaceAll('_', ' ') }],
    filters: [],
    actions: [
      {
        id: 'sentry.mail.actions.NotifyEmailAction',
        targetType: 'Team',
        targetIdentifier: team.id,
        name: `Send a notification to Team ${team.slug}`,
      },
    ],
    createdBy: null,
    dateCreated: rule.dateCreated,
    lastTriggered: rule.lastTriggered,
    snooze: false,
  }
}

export function showMetricRule(rule: MetricRule, organizationId: string): Json {
  return {
    id: rule.id,
    name: rule.name,
    organizationId,
    status: 0,
    queryType: 0,
    dataset: 'events',
    query: rule.query,
    aggregate: rule.aggregate,
    thresholdType: 0,
    resolveThreshold: null,
    timeWindow: rule.timeWindow,
    environment: 'production',
    owner: `team:${rule.owner.id}`,
    projects: [rule.project.slug],
    triggers: [
      {
        id: `${rule.id}1`,
        alertRuleId: rule.id,
        label: 'critical',
        thresholdType: 0,
        alertThreshold: rule.threshold,
        resolveThreshold: null,
        dateCreated: rule.dateCreated,
        actions: [],
      },
    ],
    dateModified: rule.dateCreated,
    dateCreated: rule.dateCreated,
    createdBy: null,
    detectionType: 'static',
  }
}
