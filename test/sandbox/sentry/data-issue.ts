import type { Issue, Project } from './data.ts'
import type { EventTemplate, Exception, Frame, SentryEvent } from './data-events.ts'

/** Minutes, which is how the samples count the age of events. */
export const HOUR = 60
export const DAY = 24 * HOUR

/** An issue with these events, newest first; what `differences` leaves out is that of an ordinary error. */
export function createIssue(
  project: Project,
  id: string,
  shortId: string,
  events: SentryEvent[],
  differences: Partial<Issue>,
): Issue {
  const [newest] = events
  if (newest === undefined) throw new Error(`${shortId} has no event.`)
  const { exception } = newest
  const status = differences.status ?? 'unresolved'
  return {
    id,
    shortId,
    project,
    title: newest.title,
    culprit: newest.culprit,
    type: 'error',
    issueType: 'error',
    issueCategory: 'error',
    level: 'error',
    priority: 'medium',
    status,
    substatus: status === 'unresolved' ? 'ongoing' : null,
    statusDetails: {},
    metadata:
      exception === undefined ? {} : { type: exception.type, value: exception.value, title: newest.title },
    assignedTo: null,
    events,
    activity: [
      {
        id: `${id}0`,
        type: 'first_seen',
        user: null,
        data: { priority: differences.priority ?? 'medium' },
        dateCreated: events.at(-1)?.dateCreated ?? newest.dateCreated,
      },
    ],
    reports: [],
    diagnosis: undefined,
    seerRun: undefined,
    ...differences,
  }
}

/** What a template takes from the exception that it is about. */
export function fromException(
  platform: string,
  culprit: string,
  exception: Exception,
): Omit<EventTemplate, 'sdk' | 'tags'> {
  return {
    title: `${exception.type}: ${exception.value}`,
    message: '',
    platform,
    culprit,
    exception,
    breadcrumbs: [],
    request: undefined,
  }
}

export function frame(filename: string, name: string, line: number, inApp: boolean): Frame {
  return { filename, function: name, line, column: null, inApp }
}
