import type { Issue, Organization } from './data.ts'
import type { Row } from './search.ts'

/** The datasets of `/events/`: what each holds, as flat rows under Sentry's own field names. */
export type Dataset = 'errors' | 'spans' | 'logs' | 'tracemetrics' | 'profiles'

/** The rows of a dataset, newest first. */
export function listRows(organization: Organization, dataset: Dataset): Row[] {
  switch (dataset) {
    case 'errors':
      return listErrorRows(organization.issues.filter(({ type }) => type === 'error'))
    case 'spans':
      return organization.spans.map((span) => ({
        ...span.tags,
        id: span.id,
        span_id: span.id,
        parent_span: span.parentId ?? null,
        trace: span.traceId,
        project: span.project,
        'project.name': span.project,
        transaction: span.transaction,
        is_transaction: span.isTransaction,
        'span.op': span.op,
        'span.description': span.description,
        'span.duration': span.duration,
        'span.status': span.status,
        'transaction.duration': span.isTransaction ? span.duration : null,
        timestamp: span.startedAt,
      }))
    case 'logs':
      return organization.logs.map((line) => ({
        ...line.attributes,
        id: line.id,
        'sentry.item_id': line.id,
        project: line.project,
        trace: line.traceId,
        span_id: line.spanId,
        severity: line.severity,
        severity_number: { info: 9, warn: 13, error: 17 }[line.severity],
        message: line.message,
        environment: 'production',
        timestamp: line.timestamp,
      }))
    case 'tracemetrics':
      return organization.metrics.map((metric) => ({
        id: metric.id,
        project: metric.project,
        trace: metric.traceId,
        span_id: metric.spanId,
        'metric.name': metric.name,
        'metric.type': metric.type,
        'metric.unit': metric.unit,
        value: metric.value,
        environment: 'production',
        timestamp: metric.timestamp,
      }))
    case 'profiles':
      return organization.profiles
        .filter(({ profilerId }) => profilerId === undefined)
        .map((profile) => ({
          id: profile.id,
          'profile.id': profile.id,
          profile_id: profile.id,
          'profiler.id': null,
          'thread.id': null,
          project: profile.project.slug,
          'project.name': profile.project.slug,
          trace: profile.traceId,
          transaction: profile.transaction,
          'transaction.duration': 5410,
          release: 'checkout-api@1.14.2',
          environment: 'production',
          timestamp: profile.startedAt,
          'precise.start_ts': profile.startedAt.getTime() / 1000,
          'precise.finish_ts': profile.startedAt.getTime() / 1000 + 1,
        }))
  }
}

/** One row for each event of these issues. */
export function listErrorRows(issues: readonly Issue[]): Row[] {
  return issues.flatMap((issue) =>
    issue.events.map((event) => ({
      ...event.tags,
      id: event.id,
      issue: issue.shortId,
      'issue.id': Number(issue.id),
      title: event.title,
      message: event.message === '' ? (event.exception?.value ?? '') : event.message,
      culprit: event.culprit,
      project: issue.project.slug,
      'project.name': issue.project.slug,
      platform: event.platform,
      level: issue.level,
      'event.type': issue.type,
      'error.type': event.exception?.type ?? null,
      'error.value': event.exception?.value ?? null,
      'error.handled': event.exception?.handled ?? null,
      'error.unhandled': event.exception?.handled === false,
      'stack.filename': event.exception?.frames.map(({ filename }) => filename) ?? [],
      'stack.function': event.exception?.frames.map((frame) => frame.function) ?? [],
      'user.id': event.user?.id ?? null,
      'user.email': event.user?.email ?? null,
      'user.display': event.user?.email ?? null,
      user: event.user === null ? null : `id:${event.user.id}`,
      trace: event.trace?.traceId ?? null,
      span_id: event.trace?.spanId ?? null,
      timestamp: event.dateCreated,
    })),
  )
}
