import type { ClientKey, Issue, Organization, Project, Release, Team } from './data.ts'
import type { Attachment, Breadcrumb, Exception, Frame, SentryEvent } from './data-events.ts'
import type { Span } from './data-trace.ts'

/** How the API shows things: one function a shape. */

type Json = Record<string, unknown>

export function showOrganization(organization: Organization, origin: string): Json {
  return {
    id: organization.id,
    slug: organization.slug,
    name: organization.name,
    dateCreated: organization.dateCreated,
    status: { id: 'active', name: 'active' },
    features: [],
    // A Sentry of one's own has no regions.
    links: { organizationUrl: `${origin}/organizations/${organization.slug}/`, regionUrl: '' },
  }
}

export function showTeam(team: Team, projects: readonly Project[]): Json {
  return {
    id: team.id,
    slug: team.slug,
    name: team.name,
    dateCreated: team.dateCreated,
    isMember: true,
    teamRole: 'admin',
    hasAccess: true,
    memberCount: 1,
    projects: projects.filter(({ teams }) => teams.includes(team)).map(summarizeProject),
  }
}

export function showProject(project: Project): Json {
  const teams = project.teams.map(({ id, slug, name }) => ({ id, slug, name }))
  return {
    ...summarizeProject(project),
    team: teams[0] ?? null,
    teams,
    dateCreated: project.dateCreated,
    isMember: true,
    hasAccess: true,
    features: [],
    firstEvent: project.dateCreated,
    firstTransactionEvent: true,
    hasProfiles: false,
    hasReplays: false,
    hasLogs: true,
    hasMonitors: false,
    status: 'active',
  }
}

export function summarizeProject({ id, slug, name, platform }: Project): Json {
  return { id, slug, name, platform }
}

export function showClientKey(key: ClientKey, project: Project, host: string): Json {
  const base = `http://${key.id}@${host}/${project.id}`
  return {
    id: key.id,
    name: key.name,
    label: key.name,
    public: key.id,
    secret: key.secret,
    projectId: Number(project.id),
    isActive: key.isActive,
    rateLimit: null,
    dsn: {
      public: base,
      secret: `http://${key.id}:${key.secret}@${host}/${project.id}`,
      security: `http://${host}/api/${project.id}/security/?sentry_key=${key.id}`,
      cdn: `http://${host}/js-sdk-loader/${key.id}.min.js`,
    },
    browserSdkVersion: '10.x',
    browserSdk: { choices: [['10.x', '10.x']] },
    dateCreated: key.dateCreated,
    dynamicSdkLoaderOptions: { hasReplay: false, hasPerformance: true, hasDebug: false },
  }
}

export function showRelease(release: Release, issues: readonly Issue[]): Json {
  const events = issues
    .flatMap((issue) => issue.events)
    .filter(({ tags }) => tags.release === release.version)
  const times = events.map((event) => event.dateCreated.getTime())
  const deployedAt = new Date(release.dateCreated.getTime() + 20 * 60_000)
  return {
    id: release.id,
    version: release.version,
    shortVersion: release.version,
    status: 'open',
    dateCreated: release.dateCreated,
    dateReleased: release.dateCreated,
    firstEvent: times.length === 0 ? null : new Date(Math.min(...times)),
    lastEvent: times.length === 0 ? null : new Date(Math.max(...times)),
    newGroups: issues.filter((issue) => issue.events.at(-1)?.tags.release === release.version).length,
    commitCount: 1,
    deployCount: 1,
    lastCommit: showCommit(release),
    lastDeploy: { ...showDeploy(release), dateFinished: deployedAt },
    authors: [{ name: release.commit.author, email: null }],
    projects: release.projects.map(summarizeProject),
    owner: null,
    ref: null,
    url: null,
    data: {},
  }
}

export function showCommit({ commit, dateCreated }: Release): Json {
  return {
    id: commit.id,
    message: commit.message,
    dateCreated,
    author: { name: commit.author, email: null },
    repository: { name: commit.repository },
    pullRequest: null,
    suspectCommitType: '',
  }
}

export function showDeploy(release: Release): Json {
  return {
    id: `${release.id}1`,
    environment: release.environment,
    name: release.version,
    url: null,
    dateStarted: new Date(release.dateCreated.getTime() + 15 * 60_000),
    dateFinished: new Date(release.dateCreated.getTime() + 20 * 60_000),
  }
}

export function showIssue(issue: Issue, organization: Organization, origin: string): Json {
  const users = new Set(issue.events.map(({ user }) => user?.id))
  return {
    id: issue.id,
    shareId: null,
    shortId: issue.shortId,
    title: issue.title,
    culprit: issue.culprit,
    permalink: `${origin}/organizations/${organization.slug}/issues/${issue.id}/`,
    logger: null,
    level: issue.level,
    status: issue.status,
    statusDetails: issue.statusDetails,
    substatus: issue.substatus,
    isPublic: false,
    platform: issue.events[0]?.platform ?? null,
    project: summarizeProject(issue.project),
    type: issue.type,
    metadata: issue.metadata,
    numComments: issue.activity.filter(({ type }) => type === 'note').length,
    assignedTo: issue.assignedTo,
    isBookmarked: false,
    isSubscribed: false,
    hasSeen: true,
    annotations: [],
    issueType: issue.issueType,
    issueCategory: issue.issueCategory,
    priority: issue.priority,
    priorityLockedAt: null,
    isUnhandled: issue.events[0]?.exception?.handled === false,
    seerFixabilityScore: issue.diagnosis === undefined ? null : 0.7,
    count: String(issue.events.length),
    userCount: users.size,
    firstSeen: issue.events.at(-1)?.dateCreated ?? null,
    lastSeen: issue.events[0]?.dateCreated ?? null,
    activity: issue.activity,
    seenBy: [],
    participants: [],
    userReportCount: 0,
    stats: {},
  }
}

/** A whole event, as its own page has it. */
export function showEvent(event: SentryEvent, issue: Issue): Json {
  const position = issue.events.indexOf(event)
  const { exception, request, trace } = event
  return {
    ...summarizeEvent(event, issue),
    size: 4096,
    entries: [
      ...(exception === undefined
        ? []
        : [{ type: 'exception', data: { values: [showException(exception)] } }]),
      ...(request === undefined
        ? []
        : [{ type: 'request', data: { ...request, query: [], headers: [], cookies: [] } }]),
      ...(event.breadcrumbs.length === 0
        ? []
        : [
            {
              type: 'breadcrumbs',
              data: { values: event.breadcrumbs.map((crumb) => showBreadcrumb(crumb, event)) },
            },
          ]),
    ],
    contexts: {
      ...event.contexts,
      ...(trace === undefined
        ? {}
        : {
            trace: {
              type: 'trace',
              trace_id: trace.traceId,
              span_id: trace.spanId,
              status: 'internal_error',
            },
          }),
    },
    context: {},
    packages: {},
    metadata: issue.metadata,
    sdk: event.sdk,
    dist: null,
    release: null,
    errors: [],
    fingerprints: [issue.shortId.toLowerCase()],
    occurrence: event.occurrence ?? null,
    dateReceived: event.dateCreated,
    nextEventID: issue.events[position - 1]?.id ?? null,
    previousEventID: issue.events[position + 1]?.id ?? null,
    _meta: {},
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
    type: issue.type,
    'event.type': issue.type,
    title: event.title,
    message: event.message,
    platform: event.platform,
    culprit: event.culprit,
    location: event.exception?.frames.at(-1)?.filename ?? null,
    dateCreated: event.dateCreated,
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
          },
  }
}

export function showAttachment(attachment: Attachment, event: SentryEvent): Json {
  return {
    id: attachment.id,
    event_id: event.id,
    name: attachment.name,
    type: 'event.attachment',
    size: attachment.content.length,
    mimetype: attachment.mimetype,
    dateCreated: event.dateCreated,
    headers: { 'Content-Type': attachment.mimetype },
  }
}

export interface TraceContext {
  spans: readonly Span[]
  findErrors(span: Span): Json[]
  findProjectId(slug: string): string
}

/** A span with its children below it, as the trace view nests them. */
export function showSpan(span: Span, context: TraceContext): Json {
  const begin = span.startedAt.getTime() / 1000
  return {
    event_id: span.id,
    span_id: span.id,
    transaction_id: span.id,
    parent_span_id: span.parentId ?? null,
    trace: span.traceId,
    project_id: Number(context.findProjectId(span.project)),
    project_slug: span.project,
    op: span.op,
    description: span.description,
    name: span.description,
    transaction: span.transaction,
    is_transaction: span.isTransaction,
    event_type: 'span',
    start_timestamp: begin,
    end_timestamp: begin + span.duration / 1000,
    duration: span.duration,
    status: span.status,
    measurements: {},
    additional_attributes: span.tags,
    errors: context.findErrors(span),
    occurrences: [],
    children: context.spans
      .filter(({ parentId }) => parentId === span.id)
      .map((child) => showSpan(child, context)),
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
