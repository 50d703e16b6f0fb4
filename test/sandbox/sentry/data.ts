import { createCheckoutIssues } from './data-checkout.ts'
import type { SentryEvent } from './data-events.ts'
import { createStorefrontIssues } from './data-storefront.ts'
import { createTelemetryIssues } from './data-telemetry.ts'
import { createLogs, createMetrics, createSpans, type LogLine, type Metric, type Span } from './data-trace.ts'
import { makeHex, slugify } from './sample-id.ts'

/** Everything the sandbox's API shows. Made anew for each sandbox, and changed in place by its writes. */
export interface SentryData {
  organizations: Organization[]
}

export interface Organization {
  id: string
  slug: string
  name: string
  dateCreated: Date
  teams: Team[]
  projects: Project[]
  releases: Release[]
  issues: Issue[]
  spans: Span[]
  logs: LogLine[]
  metrics: Metric[]
}

export interface Team {
  id: string
  slug: string
  name: string
  dateCreated: Date
}

export interface Project {
  id: string
  slug: string
  name: string
  platform: string | null
  dateCreated: Date
  teams: Team[]
  keys: ClientKey[]
}

export interface ClientKey {
  id: string
  name: string
  secret: string
  isActive: boolean
  dateCreated: Date
}

export interface Release {
  id: number
  version: string
  dateCreated: Date
  projects: Project[]
  commit: { id: string; message: string; author: string; repository: string }
  environment: string
}

export type Assignee = { type: 'user' | 'team'; id: string; name: string; email?: string }

/** How often an issue happened, to whom and when follows from its events, so that every tool agrees. */
export interface Issue {
  id: string
  shortId: string
  project: Project
  title: string
  culprit: string
  type: 'error' | 'transaction'
  issueType: string
  issueCategory: 'error' | 'performance'
  level: 'error' | 'warning' | 'info' | 'fatal'
  priority: 'high' | 'medium' | 'low'
  status: 'unresolved' | 'resolved' | 'ignored'
  substatus: string | null
  statusDetails: Record<string, unknown>
  metadata: Record<string, unknown>
  assignedTo: Assignee | null
  /** Newest first. */
  events: SentryEvent[]
  activity: Activity[]
  /** What Seer will have found; it has nothing to say about an issue without it. */
  diagnosis: Diagnosis | undefined
  /** Seer's run, once somebody started it; `polls` counts how often it was asked about. */
  seerRun: { id: number; startedAt: Date; polls: number } | undefined
}

export interface Activity {
  id: string
  type: string
  user: { id: string; name: string | null; email: string } | null
  data: Record<string, unknown>
  dateCreated: Date
}

export interface Diagnosis {
  cause: string
  whys: string[]
  reproduction: string[]
  solution: string
  steps: { title: string; description: string }[]
  repository: string
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Two organisations, three projects and six issues, all of it recent as of `now` (ms since the epoch). */
export function createSampleData(now: number): SentryData {
  return { organizations: [createBookshop(now), createInstrumentMaker(now)] }
}

function createBookshop(now: number): Organization {
  const web = createTeam('51001', 'web', now - 300 * DAY)
  const payments = createTeam('51002', 'payments', now - 290 * DAY)
  const storefront = createProject('61001', 'storefront', 'javascript-nextjs', [web], now - 280 * DAY)
  const checkout = createProject('61002', 'checkout-api', 'python-fastapi', [payments], now - 270 * DAY)
  const releases: Release[] = [
    createRelease(
      7003,
      'storefront@2.8.0',
      now - 2 * DAY,
      [storefront],
      'Show the discount in the cart summary',
    ),
    createRelease(
      7002,
      'checkout-api@1.14.2',
      now - 4 * DAY,
      [checkout],
      'Charge cards outside the transaction',
    ),
    createRelease(
      7001,
      'storefront@2.7.1',
      now - 16 * DAY,
      [storefront],
      'Split the reader into its own chunk',
    ),
  ]
  return {
    id: '41001',
    slug: 'tidewater-books',
    name: 'Tidewater Books',
    dateCreated: new Date(now - 300 * DAY),
    teams: [web, payments],
    projects: [storefront, checkout],
    releases,
    issues: [...createStorefrontIssues(storefront, now), ...createCheckoutIssues(checkout, payments, now)],
    spans: createSpans(now),
    logs: createLogs(now),
    metrics: createMetrics(now),
  }
}

function createInstrumentMaker(now: number): Organization {
  const core = createTeam('51003', 'core', now - 120 * DAY)
  const telemetry = createProject('61003', 'telemetry', 'node', [core], now - 110 * DAY)
  return {
    id: '41002',
    slug: 'lantern-labs',
    name: 'Lantern Labs',
    dateCreated: new Date(now - 120 * DAY),
    teams: [core],
    projects: [telemetry],
    releases: [
      createRelease(7004, 'telemetry@0.9.3', now - DAY, [telemetry], 'Send readings in batches of fifty'),
    ],
    issues: createTelemetryIssues(telemetry, now),
    spans: [],
    logs: [],
    metrics: [],
  }
}

export function createTeam(id: string, name: string, createdAt: number): Team {
  return { id, slug: slugify(name), name, dateCreated: new Date(createdAt) }
}

/** A new project comes with a client key named Default, as at Sentry. */
export function createProject(
  id: string,
  name: string,
  platform: string | null,
  teams: Team[],
  createdAt: number,
): Project {
  const key = createClientKey(id, 'Default', createdAt)
  return { id, slug: slugify(name), name, platform, dateCreated: new Date(createdAt), teams, keys: [key] }
}

export function createClientKey(projectId: string, name: string, createdAt: number): ClientKey {
  const id = makeHex(`key ${projectId} ${name} ${createdAt}`)
  return { id, name, secret: makeHex(`secret ${id}`), isActive: true, dateCreated: new Date(createdAt) }
}

function createRelease(
  id: number,
  version: string,
  createdAt: number,
  projects: Project[],
  message: string,
): Release {
  const [project = version] = version.split('@')
  return {
    id,
    version,
    dateCreated: new Date(createdAt),
    projects,
    commit: {
      id: makeHex(`commit ${version}`, 40),
      message,
      author: 'Mara Lind',
      repository: `tidewater/${project}`,
    },
    environment: 'production',
  }
}
