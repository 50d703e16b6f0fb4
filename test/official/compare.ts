import type { ReceivedRequest } from '../sandbox/sentry/request-log.ts'
import type { ArgumentSet } from './argument-sets.ts'

/** What a call came to at one of the servers. */
export interface Outcome {
  failed: boolean
  /** Content and structured content, or the error; of text in a fence, what is between the marks. */
  content: string
  /** Whether a text stands in a fence, or `_meta` says that it is from outside. */
  isMarked: boolean
  /** The requests that Sentry received, sorted, since some are sent at the same time. */
  requests: readonly string[]
}

export interface Difference {
  set: ArgumentSet
  what: 'outcome' | 'content' | 'marks' | 'requests'
  official: Outcome
  ours: Outcome
}

/** The content of errors is not compared: this server words them for a model, and Sentry's for its own clients. */
export function compareOutcomes(set: ArgumentSet, official: Outcome, ours: Outcome): Difference[] {
  const differences: Difference['what'][] = [
    ...(official.failed === ours.failed ? [] : (['outcome'] as const)),
    ...(!official.failed && !ours.failed && readContent(set, official) !== readContent(set, ours)
      ? (['content'] as const)
      : []),
    ...(!official.failed && !ours.failed && official.isMarked !== ours.isMarked ? (['marks'] as const) : []),
    ...(official.requests.join() === ours.requests.join() ? [] : (['requests'] as const)),
  ]
  return differences.map((what) => ({ set, what, official, ours }))
}

/** The keys of a new DSN are random. */
function readContent({ name }: ArgumentSet, { content }: Outcome): string {
  return /^create_(dsn|project)$/.test(name) ? content.replaceAll(/[0-9a-f]{32}/g, 'key') : content
}

export function describeRequest({ method, path, query, body }: ReceivedRequest): string {
  return `${method} ${path} ${JSON.stringify(query)} ${JSON.stringify(body)}`
}

/** A text without what differs between two stand-ins that are otherwise alike: their addresses, and times. */
export function normalize(text: string, host: string): string {
  return text
    .replaceAll(host, 'sentry.test')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?|\b1[78]\d{8}\b/g, 'time')
}
