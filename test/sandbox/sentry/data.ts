import { createCheckoutIssues } from './data-checkout.ts'
import type { EventUser, SentryEvent } from './data-events.ts'
import {
  createDashboards,
  createIssueRules,
  createMetricRules,
  createMonitors,
  createUptimeMonitors,
  type Dashboard,
  type IssueRule,
  type MetricRule,
  type Monitor,
  type UptimeMonitor,
} from './data-monitoring.ts'
import {
  type Conversation,
  createConversations,
  createProfiles,
  createReplays,
  createSnapshots,
  type Profile,
  type Replay,
  type Snapshot,
} from './data-recordings.ts'
import { createStorefrontIssues } from './data-storefront.ts'
import { createTelemetryIssues } from './data-telemetry.ts'
import { createGaugeSpans, createTideGaugeIssues } from './data-tide-gauge.ts'
import { createLogs, createMetrics, createSpans, type LogLine, type Metric, type Span } from './data-trace.ts'
import { makeHex, slugify } from './sample-id.ts'

/** Everything that the stand-in's API shows. Each stand-in has its own, which writes change in place. */
export interface SentryData {
  organizations: Organization[]
}

export interface Organization {
  id: string
  slug: string
  name: string
  /** Where sentry.io keeps it; a self-hosted Sentry has no regions. */
  region: 'us' | 'de'
  dateCreated: Date
  teams: Team[]
  projects: Project[]
  repositories: Repository[]
  releases: Release[]
  issues: Issue[]
  spans: Span[]
  logs: LogLine[]
  metrics: Metric[]
  dashboards: Dashboard[]
  monitors: Monitor[]
  uptimeMonitors: UptimeMonitor[]
  issueRules: IssueRule[]
  metricRules: MetricRule[]
  replays: Replay[]
  profiles: Profile[]
  snapshots: Snapshot[]
  conversations: Conversation[]
}

export interface Repository {
  id: string
  /** `owner/name` */
  name: string
  dateCreated: Date
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
  /** What its SDKs have sent so far beside errors. */
  has: Record<'spans' | 'logs' | 'metrics' | 'monitors' | 'replays' | 'profiles' | 'conversations', boolean>
}

export interface ClientKey {
  id: string
  name: string
  secret: string
  isActive: boolean
  rateLimit: { window: number; count: number } | null
  browserSdkVersion: string
  loader: Record<'hasReplay' | 'hasPerformance' | 'hasDebug' | 'hasFeedback' | 'hasLogsAndMetrics', boolean>
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
  /** What users wrote about it. */
  reports: UserReport[]
  /** What Seer finds out about it, if anything. */
  diagnosis: Diagnosis | undefined
  /** Seer's run, once it was started; `polls` counts the requests for its state. */
  seerRun: { id: number; startedAt: Date; polls: number } | undefined
}

export interface UserReport {
  id: string
  eventId: string
  user: EventUser
  comments: string
  dateCreated: Date
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

/** Two organizations with what they own, all of it recent as of `now` (ms since the epoch). */
export function createSampleData(now: number): SentryData {
  return { organizations: [createBookshop(now), createInstrumentMaker(now)] }
}

function createBookshop(now: number): Organization {
  const web = createTeam('51001', 'web', now - 300 * DAY)
  const payments = createTeam('51002', 'payments', now - 290 * DAY)
  const storefront = createProject('61001', 'storefront', 'javascript-nextjs', [web], now - 280 * DAY)
  const checkout = createProject('61002', 'checkout-api', 'python-fastapi', [payments], now - 270 * DAY)
  Object.assign(storefront.has, { spans: true, replays: true, conversations: true })
  Object.assign(checkout.has, { spans: true, logs: true, metrics: true, monitors: true, profiles: true })
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
    ...createOrganization('41001', 'tidewater-books', 'Tidewater Books', 'us', now - 300 * DAY),
    teams: [web, payments],
    projects: [storefront, checkout],
    repositories: ['tidewater/storefront', 'tidewater/checkout-api'].map((name, index) => ({
      id: String(8101 + index),
      name,
      dateCreated: new Date(now - 260 * DAY),
    })),
    releases,
    issues: [...createStorefrontIssues(storefront, now), ...createCheckoutIssues(checkout, payments, now)],
    spans: createSpans(now),
    logs: createLogs(now),
    metrics: createMetrics(now),
    dashboards: createDashboards(storefront, checkout, now),
    monitors: createMonitors(checkout, payments, now),
    uptimeMonitors: createUptimeMonitors(checkout, payments, now),
    issueRules: createIssueRules(storefront, checkout, now),
    metricRules: createMetricRules(checkout, payments, now),
    replays: createReplays(storefront, now),
    profiles: createProfiles(checkout, now),
    snapshots: createSnapshots(storefront, now),
    conversations: createConversations(storefront, now),
  }
}

function createInstrumentMaker(now: number): Organization {
  const core = createTeam('51003', 'core', now - 120 * DAY)
  const harbour = createTeam('51004', 'harbour', now - 100 * DAY)
  const telemetry = createProject('61003', 'telemetry', 'node', [core], now - 110 * DAY)
  const tideGauge = createProject('61004', 'tide-gauge', 'rust', [harbour], now - 100 * DAY)
  Object.assign(tideGauge.has, { spans: true })
  return {
    ...createOrganization('41002', 'lantern-labs', 'Lantern Labs', 'de', now - 120 * DAY),
    teams: [core, harbour],
    projects: [telemetry, tideGauge],
    releases: [
      createRelease(7004, 'telemetry@0.9.3', now - DAY, [telemetry], 'Send readings in batches of fifty'),
      createRelease(7005, 'tide-gauge@3.1.0', now - 3 * DAY, [tideGauge], 'Poll all piers at once'),
    ],
    issues: [...createTelemetryIssues(telemetry, now), ...createTideGaugeIssues(tideGauge, now)],
    spans: createGaugeSpans(now),
  }
}

/** An organization that owns nothing yet. */
function createOrganization(
  id: string,
  slug: string,
  name: string,
  region: Organization['region'],
  createdAt: number,
): Organization {
  return {
    id,
    slug,
    name,
    region,
    dateCreated: new Date(createdAt),
    teams: [],
    projects: [],
    repositories: [],
    releases: [],
    issues: [],
    spans: [],
    logs: [],
    metrics: [],
    dashboards: [],
    monitors: [],
    uptimeMonitors: [],
    issueRules: [],
    metricRules: [],
    replays: [],
    profiles: [],
    snapshots: [],
    conversations: [],
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
  return {
    id,
    slug: slugify(name),
    name,
    platform,
    dateCreated: new Date(createdAt),
    teams,
    keys: [key],
    has: {
      spans: false,
      logs: false,
      metrics: false,
      monitors: false,
      replays: false,
      profiles: false,
      conversations: false,
    },
  }
}

export function createClientKey(projectId: string, name: string, createdAt: number): ClientKey {
  const id = makeHex(`key ${projectId} ${name} ${createdAt}`)
  return {
    id,
    name,
    secret: makeHex(`secret ${id}`),
    isActive: true,
    rateLimit: null,
    browserSdkVersion: '10.x',
    loader: {
      hasReplay: false,
      hasPerformance: true,
      hasDebug: false,
      hasFeedback: false,
      hasLogsAndMetrics: false,
    },
    dateCreated: new Date(createdAt),
  }
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
