import type { Activity, Issue, Organization } from './data.ts'
import type { Attachment, Breadcrumb, Exception, Frame, SentryEvent } from './data-events.ts'
import { type Json, showUser, summarizeProject } from './views.ts'
import type { ViewContext } from './views-organization.ts'

const HOUR = 3_600_000

/** What the list of issues and an issue's own page both have. */
function showIssueBase(issue: Issue, organization: Organization, { place, origin }: ViewContext): Json {
  return {
    id: issue.id,
    shareId: null,
    shortId: issue.shortId,
    title: issue.title,
    culprit: issue.culprit,
    permalink: `${place.getOrganizationUrl(organization, origin)}/issues/${issue.id}/`,
    logger: null,
    level: issue.level,
    status: issue.status,
    statusDetails: issue.statusDetails,
    substatus: issue.substatus,
    isPublic: false,
    platform: issue.events[0]?.platform ?? null,
    priority: issue.priority,
    priorityLockedAt: null,
    seerFixabilityScore: issue.diagnosis === undefined ? null : 0.7,
    seerAutofixLastTriggered: issue.seerRun?.startedAt ?? null,
    seerExplorerAutofixLastTriggered: null,
    project: summarizeProject(issue.project),
    type: issue.type,
    issueType: issue.issueType,
    issueCategory: issue.issueCategory,
    metadata: issue.metadata,
    numComments: issue.activity.filter(({ type }) => type === 'note').length,
    assignedTo: issue.assignedTo,
    isBookmarked: false,
    isSubscribed: false,
    subscriptionDetails: null,
    hasSeen: true,
    annotations: [],
    isUnhandled: issue.events[0]?.exception?.handled === false,
    count: String(issue.events.length),
    userCount: countUsers(issue),
    firstSeen: issue.events.at(-1)?.dateCreated ?? null,
    lastSeen: issue.events[0]?.dateCreated ?? null,
    integrationIssues: [],
    sentryAppIssues: [],
    latestEventHasAttachments: (issue.events[0]?.attachments.length ?? 0) > 0,
  }
}

/** An issue in a list, with what the search says about it. */
export function showListedIssue(issue: Issue, organization: Organization, context: ViewContext): Json {
  const seen = {
    count: String(issue.events.length),
    userCount: countUsers(issue),
    firstSeen: issue.events.at(-1)?.dateCreated ?? null,
    lastSeen: issue.events[0]?.dateCreated ?? null,
  }
  const since = seen.firstSeen ?? new Date(0)
  return {
    ...showIssueBase(issue, organization, context),
    derivedData: {
      blocker: '',
      progress: 'not_started',
      status: issue.status,
      viewCount: 3,
      hasOpenFixPr: false,
      isAssigned: issue.assignedTo !== null,
      hasRootCause: false,
      lastCompletedAutofixStep: '',
      lastProgressedAt: null,
    },
    stats: { '24h': countByHour(issue) },
    lifetime: { ...seen, stats: {} },
    filtered: null,
    sessionCount: 0,
    inbox: { reason: 0, reason_details: null, date_added: since },
    owners: { type: 'ownershipRule', owner: `team:${issue.project.teams[0]?.id ?? ''}`, date_added: since },
    matchingEventId: null,
    matchingEventEnvironment: null,
  }
}

/** An issue with everything that its page shows. */
export function showIssue(issue: Issue, organization: Organization, context: ViewContext): Json {
  const tags = Map.groupBy(
    issue.events.flatMap((event) => Object.entries(event.tags)),
    ([key]) => key,
  )
  const [oldest, newest] = [issue.events.at(-1), issue.events[0]]
  return {
    ...showIssueBase(issue, organization, context),
    firstRelease: oldest === undefined ? null : showEventRelease(oldest),
    lastRelease: newest === undefined ? null : showEventRelease(newest),
    tags: [...tags].map(([key, entries]) => ({ key, name: key, totalValues: entries.length })),
    stats: { '24h': countByHour(issue) },
    inbox: null,
    owners: null,
    activity: issue.activity,
    seenBy: [],
    participants: [],
    userReportCount: issue.reports.length,
  }
}

/** Events an hour of the last day, oldest first: `[second, count]`. */
function countByHour(issue: Issue): [number, number][] {
  const last = Math.floor(Date.now() / HOUR)
  return Array.from({ length: 24 }, (_, index) => {
    const hour = last - 23 + index
    const events = issue.events.filter(({ dateCreated }) => Math.floor(dateCreated.getTime() / HOUR) === hour)
    return [hour * 3600, events.length]
  })
}

export function countUsers(issue: Issue): number {
  return new Set(issue.events.map(({ user }) => user?.id)).size
}

/** A whole event, as its own page has it. */
export function showEvent(event: SentryEvent, issue: Issue, organization: Organization): Json {
  const position = issue.events.indexOf(event)
  const report = issue.reports.find(({ eventId }) => eventId === event.id)
  const entries = listEntries(event)
  return {
    ...summarizeEvent(event, issue),
    type: issue.type,
    size: JSON.stringify(entries).length,
    entries,
    contexts: { ...event.contexts, ...showTraceContext(event) },
    context: event.extra ?? {},
    packages: event.packages ?? {},
    sdk: event.sdk,
    dist: null,
    release: showEventRelease(event, organization),
    errors: [],
    fingerprints: [issue.shortId.toLowerCase()],
    groupingConfig: { id: 'newstyle:2023-01-11', enhancements: 'KLUv_SAY' },
    occurrence: showOccurrence(event, issue),
    dateReceived: new Date(event.dateCreated.getTime() + 800),
    startTimestamp: event.dateCreated.getTime() / 1000,
    endTimestamp: event.dateCreated.getTime() / 1000,
    userReport: report === undefined ? null : showUserReport(report),
    sdkUpdates: [],
    resolvedWith: [],
    nextEventID: issue.events[position - 1]?.id ?? null,
    previousEventID: issue.events[position + 1]?.id ?? null,
    _meta: {},
  }
}

function listEntries(event: SentryEvent): Json[] {
  const { exception, request, breadcrumbs } = event
  const entries: Json[] = []
  if (exception !== undefined)
    entries.push({
      type: 'exception',
      data: { values: [showException(exception)], hasSystemFrames: true, excOmitted: null },
    })
  if (request !== undefined)
    entries.push({
      type: 'request',
      data: {
        ...request,
        fragment: null,
        query: [],
        data: null,
        headers: [],
        cookies: [],
        env: null,
        inferredContentType: null,
        apiTarget: null,
      },
    })
  if (breadcrumbs.length > 0)
    entries.push({
      type: 'breadcrumbs',
      data: { values: breadcrumbs.map((crumb) => showBreadcrumb(crumb, event)) },
    })
  if (event.message !== '')
    entries.push({ type: 'message', data: { formatted: event.message, message: event.message, params: [] } })
  return entries
}

function showTraceContext({ trace }: SentryEvent): Json {
  if (trace === undefined) return {}
  return {
    trace: { type: 'trace', trace_id: trace.traceId, span_id: trace.spanId, status: 'internal_error' },
  }
}

function showEventRelease(event: SentryEvent, organization?: Organization): Json | null {
  const version = event.tags.release
  if (version === undefined) return null
  const release = organization?.releases.find((candidate) => candidate.version === version)
  return {
    version,
    status: 'open',
    commitCount: 1,
    deployCount: 1,
    data: {},
    ref: null,
    url: null,
    userAgent: null,
    lastDeploy: null,
    ...(release === undefined
      ? {}
      : {
          id: release.id,
          dateCreated: release.dateCreated,
          dateReleased: release.dateCreated,
          lastCommit: {
            id: release.commit.id,
            message: release.commit.message,
            dateCreated: release.dateCreated,
          },
        }),
  }
}

/** An issue that a detector of Sentry found, such as a slow query, has an occurrence in place of an exception. */
function showOccurrence(event: SentryEvent, issue: Issue): Json | null {
  if (event.occurrence === undefined) return null
  return {
    id: event.id,
    projectId: Number(issue.project.id),
    eventId: event.id,
    fingerprint: [issue.shortId.toLowerCase()],
    resourceId: null,
    detectionTime: event.dateCreated.getTime() / 1000,
    assignee: null,
    priority: 50,
    ...event.occurrence,
  }
}

/** An event as a list has it. */
export function summarizeEvent(event: SentryEvent, issue: Issue): Json {
  const { user } = event
  return {
    id: event.id,
    eventID: event.id,
    groupID: issue.id,
    projectID: issue.project.id,
    'event.type': issue.type,
    title: event.title,
    message: event.message,
    platform: event.platform,
    culprit: event.culprit,
    location: event.exception?.frames.at(-1)?.filename ?? null,
    dateCreated: event.dateCreated,
    crashFile: null,
    metadata: issue.metadata,
    tags: Object.entries(event.tags).map(([key, value]) => ({ key, value })),
    user:
      user === null
        ? null
        : {
            id: user.id,
            email: user.email,
            name: user.name,
            username: null,
            ip_address: null,
            geo: { country_code: user.country },
            data: null,
          },
  }
}

export function showUserReport({ id, eventId, user, comments, dateCreated }: Issue['reports'][number]): Json {
  return {
    id,
    eventID: eventId,
    name: user.name,
    email: user.email,
    comments,
    dateCreated,
    user: {
      id: user.id,
      username: null,
      email: user.email,
      name: user.name,
      ipAddress: null,
      avatarUrl: null,
    },
    event: { id: eventId, eventID: eventId },
  }
}

/** A note or another entry of an issue's history, with the user as Sentry shows them. */
export function showActivity(activity: Activity): Json {
  return { ...activity, user: activity.user === null ? null : showUser(activity.user) }
}

export function showAttachment(attachment: Attachment, event: SentryEvent): Json {
  return {
    id: attachment.id,
    event_id: event.id,
    name: attachment.name,
    type: attachment.type,
    size: attachment.size,
    mimetype: attachment.mimetype,
    sha1: attachment.sha1,
    dateCreated: event.dateCreated,
    headers: { 'Content-Type': attachment.mimetype },
  }
}

function showException({ type, value, mechanism, handled, frames }: Exception): Json {
  return {
    type,
    value,
    mechanism: { type: mechanism, handled },
    threadId: null,
    module: null,
    stacktrace: {
      frames: frames.map(showFrame),
      framesOmitted: null,
      registers: null,
      hasSystemFrames: true,
    },
    rawStacktrace: null,
  }
}

function showFrame(frame: Frame): Json {
  const { source } = frame
  return {
    filename: frame.filename,
    absPath: frame.filename,
    module: null,
    package: null,
    platform: null,
    instructionAddr: null,
    symbolAddr: null,
    rawFunction: null,
    symbol: null,
    errors: null,
    trust: null,
    lock: null,
    function: frame.function,
    lineNo: frame.line,
    colNo: frame.column,
    inApp: frame.inApp,
    context: source === undefined ? [] : source.lines.map((line, index) => [source.from + index, line]),
    sourceLink: null,
    vars: frame.vars ?? null,
  }
}

function showBreadcrumb({ before, data, ...crumb }: Breadcrumb, event: SentryEvent): Json {
  const timestamp = new Date(event.dateCreated.getTime() - before * 1000)
  return { ...crumb, timestamp, data: data ?? null, event_id: null }
}
