import type { Issue, Organization } from './data.ts'
import type { SentryEvent } from './data-events.ts'
import type { Span } from './data-trace.ts'
import type { Json } from './views.ts'

/** The spans of one trace with the errors that happened in it. */
export interface TraceContext {
  projectIds: ReadonlyMap<string, number>
  childrenOf: ReadonlyMap<string | undefined, readonly Span[]>
  errorsOf: ReadonlyMap<string, readonly TraceError[]>
  profileId: string
}

export interface TraceError {
  issue: Issue
  event: SentryEvent
}

export function createTraceContext(
  { projects, issues, profiles }: Organization,
  spans: readonly Span[],
): TraceContext {
  const traceId = spans[0]?.traceId
  const errors = issues.flatMap((issue) =>
    issue.events.filter(({ trace }) => trace?.traceId === traceId).map((event) => ({ issue, event })),
  )
  return {
    projectIds: new Map(projects.map(({ slug, id }) => [slug, Number(id)])),
    childrenOf: Map.groupBy(spans, ({ parentId }) => parentId),
    errorsOf: Map.groupBy(errors, ({ event }) => event.trace?.spanId ?? ''),
    profileId: profiles.find((profile) => profile.traceId === traceId)?.id ?? '',
  }
}

/** A span with its children, as the trace view nests them. */
export function showSpan(span: Span, context: TraceContext): Json {
  const begin = span.startedAt.getTime() / 1000
  return {
    event_id: span.id,
    span_id: span.id,
    transaction_id: span.id,
    parent_span_id: span.parentId ?? null,
    trace: span.traceId,
    project_id: context.projectIds.get(span.project) ?? 0,
    project_slug: span.project,
    profile_id: span.isTransaction ? context.profileId : '',
    profiler_id: '',
    sdk_name: 'sentry.javascript.node',
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
    browser_web_vital: {},
    mobile_app_vital: {},
    additional_attributes: span.tags,
    errors: (context.errorsOf.get(span.id) ?? []).map(({ issue, event }) => showTraceError(issue, event)),
    occurrences: [],
    children: (context.childrenOf.get(span.id) ?? []).map((child) => showSpan(child, context)),
  }
}

/** A transaction with those below it, as `/events-trace/` of every release nests them. */
export function showTransaction(span: Span, context: TraceContext, generation = 0): Json {
  const begin = span.startedAt.getTime() / 1000
  return {
    event_id: span.id,
    span_id: span.id,
    parent_span_id: span.parentId ?? null,
    parent_event_id: null,
    project_id: context.projectIds.get(span.project) ?? 0,
    project_slug: span.project,
    transaction: span.transaction,
    'transaction.op': span.op,
    'transaction.duration': span.duration,
    'transaction.status': span.status,
    start_timestamp: begin,
    timestamp: begin + span.duration / 1000,
    generation,
    profile_id: context.profileId,
    profiler_id: '',
    sdk_name: 'sentry.javascript.node',
    tags: [],
    measurements: {},
    errors: findErrorsWithin(span, context).map(({ issue, event }) => showTransactionError(issue, event)),
    performance_issues: [],
    children: findTransactionsBelow(span, context).map((child) =>
      showTransaction(child, context, generation + 1),
    ),
  }
}

/** The nearest transactions below a span, across the spans between them. */
function findTransactionsBelow(span: Span, context: TraceContext): Span[] {
  const children = context.childrenOf.get(span.id) ?? []
  return children.flatMap((child) => (child.isTransaction ? [child] : findTransactionsBelow(child, context)))
}

/** The errors of a transaction: its own and those of its spans, without those of transactions below. */
function findErrorsWithin(span: Span, context: TraceContext): TraceError[] {
  const children = (context.childrenOf.get(span.id) ?? []).filter(({ isTransaction }) => !isTransaction)
  return [
    ...(context.errorsOf.get(span.id) ?? []),
    ...children.flatMap((child) => findErrorsWithin(child, context)),
  ]
}

function showTraceError(issue: Issue, event: SentryEvent): Json {
  return {
    event_id: event.id,
    event_type: 'error',
    issue_id: Number(issue.id),
    issue_type: 1,
    short_id: issue.shortId,
    project_id: Number(issue.project.id),
    project_slug: issue.project.slug,
    title: event.title,
    description: event.title,
    transaction: event.tags.transaction ?? '',
    culprit: event.culprit,
    message: event.message,
    level: issue.level,
    start_timestamp: event.dateCreated.getTime() / 1000,
    end_timestamp: event.dateCreated.getTime() / 1000,
    timestamp: event.dateCreated,
  }
}

function showTransactionError(issue: Issue, event: SentryEvent): Json {
  return {
    event_id: event.id,
    event_type: 'error',
    issue_id: Number(issue.id),
    span: event.trace?.spanId ?? '',
    project_id: Number(issue.project.id),
    project_slug: issue.project.slug,
    title: event.title,
    message: event.message,
    level: issue.level,
    issue: issue.shortId,
    timestamp: event.dateCreated.getTime() / 1000,
    generation: 0,
  }
}
