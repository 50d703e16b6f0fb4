import type { Project, Team } from './data.ts'
import { makeHex } from './sample-id.ts'

/** What watches the bookshop: dashboards, cron and uptime monitors, and alert rules. */

export interface Dashboard {
  id: string
  title: string
  dateCreated: Date
  projects: Project[]
  widgets: Widget[]
}

export interface Widget {
  title: string
  displayType: 'line' | 'table' | 'big_number'
  widgetType: 'error-events' | 'spans'
  aggregates: string[]
  columns: string[]
  conditions: string
  orderby: string
}

export interface Monitor {
  id: string
  slug: string
  name: string
  project: Project
  owner: Team
  crontab: string
  dateCreated: Date
  checkIns: CheckIn[]
}

export interface CheckIn {
  id: string
  status: 'ok' | 'error' | 'missed'
  /** ms; null for one that was missed */
  duration: number | null
  at: Date
}

/** An uptime monitor in the fields that its routes read and write. */
export interface UptimeMonitor {
  id: string
  project: Project
  name: string
  status: string
  environment: string | null
  owner: { type: 'user' | 'team'; id: string; name: string } | null
  url: string
  method: string
  headers: [string, string][]
  body: string | null
  intervalSeconds: number
  timeoutMs: number
  traceSampling: boolean
  responseCaptureEnabled: boolean
  recoveryThreshold: number
  downtimeThreshold: number
  checks: UptimeCheck[]
}

export interface UptimeCheck {
  id: string
  at: Date
  durationMs: number
  httpStatusCode: number | null
}

export interface IssueRule {
  id: string
  name: string
  project: Project
  environment: string | null
  dateCreated: Date
  lastTriggered: Date | null
  /** Class names of Sentry's rule registry, without their module. */
  condition: string
  action: { team: Team }
}

export interface MetricRule {
  id: string
  name: string
  project: Project
  query: string
  aggregate: string
  /** minutes */
  timeWindow: number
  threshold: number
  owner: Team
  dateCreated: Date
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export function createDashboards(storefront: Project, checkout: Project, now: number): Dashboard[] {
  return [
    {
      id: '31001',
      title: 'Bookshop Overview',
      dateCreated: new Date(now - 90 * DAY),
      projects: [storefront, checkout],
      widgets: [
        {
          title: 'Errors by Project',
          displayType: 'line',
          widgetType: 'error-events',
          aggregates: ['count()'],
          columns: ['project'],
          conditions: 'level:error',
          orderby: '-count()',
        },
        {
          title: 'Slowest Requests',
          displayType: 'table',
          widgetType: 'spans',
          aggregates: ['p95(span.duration)'],
          columns: ['transaction'],
          conditions: 'is_transaction:true',
          orderby: '-p95(span.duration)',
        },
      ],
    },
    {
      id: '31002',
      title: 'Payments',
      dateCreated: new Date(now - 40 * DAY),
      projects: [checkout],
      widgets: [
        {
          title: 'Payment Timeouts',
          displayType: 'big_number',
          widgetType: 'error-events',
          aggregates: ['count()'],
          columns: [],
          conditions: 'error.type:PaymentTimeout',
          orderby: '',
        },
      ],
    },
  ]
}

/** A nightly job that was missed once. */
export function createMonitors(project: Project, owner: Team, now: number): Monitor[] {
  const checkIns = Array.from({ length: 20 }, (_, index): CheckIn => {
    const isMissed = index === 3
    return {
      id: makeUuid(`check-in ${index}`),
      status: isMissed ? 'missed' : 'ok',
      duration: isMissed ? null : 41_000 + index * 730,
      at: new Date(now - index * HOUR - 12 * MINUTE),
    }
  })
  return [
    {
      id: '32001',
      slug: 'settle-payments',
      name: 'Settle payments',
      project,
      owner,
      crontab: '12 * * * *',
      dateCreated: new Date(now - 200 * DAY),
      checkIns,
    },
  ]
}

export function createUptimeMonitors(project: Project, owner: Team, now: number): UptimeMonitor[] {
  return [
    createUptimeMonitor('33001', project, {
      name: 'Checkout API',
      url: 'https://api.tidewater.example/health',
      environment: 'production',
      owner: { type: 'team', id: owner.id, name: owner.slug },
      headers: [['Accept', 'application/json']],
      checks: Array.from({ length: 30 }, (_, index) => ({
        id: makeUuid(`uptime check ${index}`),
        at: new Date(now - index * MINUTE),
        durationMs: index === 9 ? 5000 : 120 + index,
        httpStatusCode: index === 9 ? null : 200,
      })),
    }),
  ]
}

/** An uptime monitor; what `settings` leaves out is what Sentry sets. */
export function createUptimeMonitor(
  id: string,
  project: Project,
  settings: Partial<UptimeMonitor>,
): UptimeMonitor {
  return {
    name: 'Uptime',
    status: 'active',
    environment: null,
    owner: null,
    url: '',
    method: 'GET',
    headers: [],
    body: null,
    intervalSeconds: 60,
    timeoutMs: 5000,
    traceSampling: false,
    responseCaptureEnabled: true,
    recoveryThreshold: 1,
    downtimeThreshold: 3,
    checks: [],
    ...settings,
    id,
    project,
  }
}

export function createIssueRules(storefront: Project, checkout: Project, now: number): IssueRule[] {
  const [web, payments] = [storefront.teams[0], checkout.teams[0]]
  if (web === undefined || payments === undefined) throw new Error('Both projects need a team.')
  return [
    {
      id: '34001',
      name: 'New issue in the storefront',
      project: storefront,
      environment: 'production',
      dateCreated: new Date(now - 150 * DAY),
      lastTriggered: new Date(now - 2 * DAY),
      condition: 'first_seen_event',
      action: { team: web },
    },
    {
      id: '34002',
      name: 'Payments fail again',
      project: checkout,
      environment: null,
      dateCreated: new Date(now - 140 * DAY),
      lastTriggered: null,
      condition: 'regression_event',
      action: { team: payments },
    },
  ]
}

export function createMetricRules(checkout: Project, owner: Team, now: number): MetricRule[] {
  return [
    {
      id: '35001',
      name: 'Payment timeouts above ten an hour',
      project: checkout,
      query: 'error.type:PaymentTimeout',
      aggregate: 'count()',
      timeWindow: 60,
      threshold: 10,
      owner,
      dateCreated: new Date(now - 120 * DAY),
    },
  ]
}

function makeUuid(name: string): string {
  return makeHex(name).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
