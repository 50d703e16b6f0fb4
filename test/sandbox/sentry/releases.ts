/**
 * What a self-hosted Sentry of each release responds, and what an operator has to switch on. A change is dated by the
 * first release that contains it; `inferred` marks dates that follow from neighbouring changes and were not seen in
 * Sentry's source.
 */

/** The releases that the stand-in can be, oldest first. */
export const SENTRY_RELEASES = ['24.8.0', '25.6.0', '25.12.0', '26.3.0', '26.6.0', '26.8.0'] as const

export type SentryRelease = (typeof SENTRY_RELEASES)[number]

/**
 * Switches of sentry.conf.py, with the first release whose example configuration turns them on; null where none does.
 * Seer is a service of sentry.io that no self-hosted Sentry has.
 */
export const FEATURES = {
  'continuous-profiling': '25.6.0',
  uptime: '25.7.0',
  'visibility-explore-view': '25.7.0',
  'ourlogs-enabled': '25.9.0',
  'tracemetrics-enabled': '26.5.0',
  'workflow-engine-ui': '26.7.0',
  'trace-spans-format': null,
  'preprod-snapshots': null,
  seer: null,
} as const

export type Feature = keyof typeof FEATURES

/** What a route responds while its feature is off; an empty 404 is the rule. */
type WhenOff = 'empty 404' | 'empty 400' | 'refused 403' | 'error 500' | 'no data'

export interface RouteRule {
  /** Method and path below `/api/0`; `*` at the end stands for the rest of a path. */
  route: string
  /** The first release that has the route; all of them have it where this is left out. */
  since?: string
  feature?: Feature
  /** The release from which the route works without its feature. */
  freeSince?: string
  whenOff?: WhenOff
}

const ORGANIZATION = '/organizations/:organization'
const PROJECT = '/projects/:organization/:project'
const SNAPSHOTS = `${ORGANIZATION}/preprodartifacts/snapshots`

/** The routes that not every release has or that a switch governs. The first rule that fits a route counts. */
export const ROUTE_RULES: readonly RouteRule[] = [
  { route: `POST ${ORGANIZATION}/code-mappings/bulk/`, since: '26.4.0' },
  { route: `GET ${ORGANIZATION}/uptime/`, since: '25.1.0', feature: 'uptime' },
  { route: `GET ${PROJECT}/uptime/:uptime/checks/`, since: '25.2.0', feature: 'uptime' },
  { route: `GET ${PROJECT}/uptime/*`, feature: 'uptime' },
  { route: `POST ${PROJECT}/uptime/`, feature: 'uptime' },
  { route: `PUT ${PROJECT}/uptime/*`, feature: 'uptime' },
  { route: `DELETE ${PROJECT}/uptime/*`, feature: 'uptime' },
  // The route came long before self-hosted releases keep issue alert rules as workflows.
  {
    route: `GET ${ORGANIZATION}/workflows/`,
    since: '25.2.0',
    feature: 'workflow-engine-ui',
    whenOff: 'no data',
  },
  { route: `GET ${ORGANIZATION}/trace-items/attributes/`, since: '25.4.0' },
  {
    route: `GET ${ORGANIZATION}/events/validate/`,
    since: '26.6.0',
    feature: 'visibility-explore-view',
    whenOff: 'empty 400',
  },
  { route: `GET ${ORGANIZATION}/trace-meta/:trace/`, since: '25.6.0' },
  { route: `GET ${ORGANIZATION}/trace/:trace/`, feature: 'trace-spans-format', freeSince: '26.4.0' },
  { route: `GET ${ORGANIZATION}/agents/conversations/*`, since: '26.8.0' },
  // The name of the same two routes before 26.8.0.
  { route: `GET ${ORGANIZATION}/ai-conversations/:conversation/`, since: '26.1.0' },
  { route: `GET ${ORGANIZATION}/ai-conversations/`, since: '25.11.0' },
  { route: `GET ${ORGANIZATION}/profiling/chunks/`, feature: 'continuous-profiling' },
  {
    route: `GET ${SNAPSHOTS}/latest-base/`,
    since: '26.5.0',
    feature: 'preprod-snapshots',
    whenOff: 'refused 403',
  },
  {
    route: `GET ${SNAPSHOTS}/:snapshot/`,
    since: '26.3.0',
    feature: 'preprod-snapshots',
    whenOff: 'refused 403',
  },
  { route: `GET ${SNAPSHOTS}/*`, since: '26.5.0', feature: 'preprod-snapshots', whenOff: 'refused 403' },
  { route: `POST ${ORGANIZATION}/onboarding/agent/status/`, since: '26.8.0' },
  { route: `GET ${ORGANIZATION}/issues/:issue/autofix/`, feature: 'seer', whenOff: 'error 500' },
  { route: `POST ${ORGANIZATION}/issues/:issue/autofix/`, feature: 'seer', whenOff: 'error 500' },
]

export interface DatasetRule {
  /** The first release that accepts the dataset at `/events/`; older ones refuse the name with 400. */
  since?: string
  /** The first release whose consumers store such data; before it a search succeeds and finds nothing. */
  storedSince?: string
  feature?: Feature
}

/** The datasets of `/events/`. */
export const DATASET_RULES: Readonly<Record<string, DatasetRule>> = {
  errors: {},
  profiles: {},
  spans: { since: '25.5.0', storedSince: '25.7.0' },
  logs: { since: '25.9.0', feature: 'ourlogs-enabled' },
  tracemetrics: { since: '25.10.0', feature: 'tracemetrics-enabled' },
}

/** Changes of what a route accepts or responds, with the first release that contains them. */
export const CHANGES = {
  /** The page that refuses an authorization request has status 400; before, 200. */
  'error page with status 400': '25.1.0',
  /** Several redirect URIs are registered and none is sent: refused; before, the first one is taken. inferred */
  'redirect_uri required': '25.10.0',
  'basic credentials': '25.11.0',
  /** `invalid_client` is 401 with a challenge; before, 400. */
  'invalid_client with status 401': '25.11.0',
  /** The token endpoint compares `redirect_uri` with the authorization request's; before, it did not ask for it. */
  'redirect_uri repeated': '25.11.0',
  /** `token_type` is `Bearer`; before, `bearer`. */
  'capital Bearer': '25.11.0',
  /** S256; older releases ignore both parameters. The release may be one earlier. */
  PKCE: '26.1.0',
  /** A 401 of the API says `error="invalid_token"` (RFC 6750 §3.1). */
  'bearer errors': '26.2.0',
  /** `/.well-known/oauth-authorization-server`. inferred */
  'authorization server metadata': '26.6.0',
  /** `hasFeedback` and `hasLogsAndMetrics` among the loader options of a client key. inferred */
  'newest loader options': '26.2.0',
  /** `hasLogs` of a project, as long as the dataset. inferred */
  'hasLogs of a project': '25.9.0',
  /** `hasTraceMetrics` of a project, as long as the dataset. inferred */
  'hasTraceMetrics of a project': '25.10.0',
  'detectorIds of a workflow': '25.6.0',
  /** The counts of a trace are `spansCount`; before, `span_count`. inferred */
  'camel case trace counts': '26.4.0',
  /** Attributes of all types at once; before, `attributeType` is required. */
  'attributes without a type': '26.4.0',
  /** `sort=recommended` of an issue search. inferred */
  'recommended sort': '26.5.0',
  /** Title, tools, user and messages of a conversation; details in an object instead of a list. */
  'full conversations': '26.8.0',
} as const

export type Change = keyof typeof CHANGES

/** One release with its switches: the questions that the stand-in's routes ask. */
export interface ReleaseBehaviour {
  release: SentryRelease
  has(change: Change): boolean
  isOn(feature: Feature): boolean
  /** What keeps a route from working; undefined where nothing does. */
  findObstacle(method: string, path: string): WhenOff | undefined
  /** Whether `/events/` knows a dataset, has data in it, or has it switched off. */
  describeDataset(name: string): 'unknown' | 'off' | 'no data' | 'stored'
}

/**
 * Without a release: the newest with every switch on, as at sentry.io. With one: as its example configuration switches
 * features, but for those in `features`.
 */
export function createReleaseBehaviour(
  named: SentryRelease | undefined,
  features: Partial<Record<Feature, boolean>> = {},
): ReleaseBehaviour {
  const release = named ?? '26.8.0'
  const isIn = (since: string | undefined) => since === undefined || compareReleases(release, since) >= 0
  const isOn = (feature: Feature) =>
    features[feature] ?? (named === undefined || isStock(FEATURES[feature], isIn))
  return {
    release,
    has: (change) => isIn(CHANGES[change]),
    isOn,
    findObstacle(method, path) {
      const rule = findRouteRule(method, path)
      if (rule === undefined) return undefined
      if (!isIn(rule.since)) return 'empty 404'
      const { feature } = rule
      const isFree = rule.freeSince !== undefined && isIn(rule.freeSince)
      if (feature === undefined || isFree || isOn(feature)) return undefined
      return rule.whenOff ?? 'empty 404'
    },
    describeDataset(name) {
      const rule = DATASET_RULES[name]
      if (rule === undefined || !isIn(rule.since)) return 'unknown'
      if (rule.feature !== undefined && !isOn(rule.feature)) return 'off'
      return isIn(rule.storedSince) ? 'stored' : 'no data'
    },
  }
}

function findRouteRule(method: string, path: string): RouteRule | undefined {
  const asked = `${method} ${path}`
  return ROUTE_RULES.find(({ route }) =>
    route.endsWith('*') ? asked.startsWith(route.slice(0, -1)) : asked === route,
  )
}

function isStock(since: string | null, isIn: (since: string) => boolean): boolean {
  return since !== null && isIn(since)
}

/** Below 0 where `left` is the older of two CalVer releases. */
export function compareReleases(left: string, right: string): number {
  const [leftYear = 0, leftMonth = 0] = left.split('.').map(Number)
  const [rightYear = 0, rightMonth = 0] = right.split('.').map(Number)
  return leftYear - rightYear || leftMonth - rightMonth
}
