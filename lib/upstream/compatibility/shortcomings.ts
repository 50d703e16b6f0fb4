import { type ApiRequest, type Attempt, isMissingRoute } from './attempt.ts'
import { isBefore } from './release.ts'

/** Something that not every self-hosted Sentry can do. */
export interface Shortcoming {
  name: string
  /** What Sentry does not do, as the end of "This Sentry does not …". */
  lacks: string
  /** The release with which self-hosted Sentry got it; undefined if it never did. */
  since: string | undefined
  /** What switches it on in sentry.conf.py, as `SENTRY_FEATURES["organizations:<name>"]`. */
  feature?: string
  /** What to do instead. */
  advice?: string
  /** The requests that need it. */
  concerns(request: ApiRequest): boolean
  /** Whether a response shows that it is missing; by default a missing route does. */
  isShownBy?(attempt: Attempt): boolean
}

const ORGANIZATION = '^/organizations/[^/]+'
const PROJECT = '^/projects/[^/]+/[^/]+'
const SEER = 'Use get_issue_details, and analyze the issue from its stack trace.'
const SNAPSHOTS = 'Snapshots are not part of a stock self-hosted Sentry.'

/** The first that concerns a request counts. Sources: Sentry's API schema by commit, and self-hosted's example config. */
export const SHORTCOMINGS: readonly Shortcoming[] = [
  dataset('spans', 'store spans for search', '25.7.0', { advice: 'Search errors instead.' }),
  dataset('logs', 'store logs for search', '25.9.0', { feature: 'ourlogs-enabled' }),
  dataset('tracemetrics', 'store metrics for search', '26.5.0', { feature: 'tracemetrics-enabled' }),
  {
    name: 'Seer',
    lacks: 'have Seer, which is a service of sentry.io',
    since: undefined,
    advice: SEER,
    concerns: concerns(`${ORGANIZATION}/issues/[^/]+/autofix/$`),
    isShownBy: (attempt) => isMissingRoute(attempt) || [403, 500].includes(attempt.status),
  },
  {
    name: 'uptime monitors',
    lacks: 'monitor uptime',
    since: '25.7.0',
    feature: 'uptime',
    concerns: concerns(`(${ORGANIZATION}|${PROJECT})/uptime/`),
  },
  {
    name: 'continuous profiles',
    lacks: 'keep continuous profiles',
    since: '25.6.0',
    feature: 'continuous-profiling',
    concerns: concerns(`${ORGANIZATION}/profiling/chunks/$`),
  },
  {
    name: 'conversations of AI agents',
    lacks: 'show single conversations of AI agents',
    since: '26.1.0',
    concerns: concerns(`${ORGANIZATION}/(agents/|ai-)conversations/[^/]+/$`),
  },
  {
    name: 'list of conversations of AI agents',
    lacks: 'list conversations of AI agents',
    since: '25.11.0',
    concerns: concerns(`${ORGANIZATION}/(agents/|ai-)conversations/$`),
  },
  {
    name: 'snapshots of user interfaces',
    lacks: 'compare snapshots of user interfaces',
    since: '26.3.0',
    advice: SNAPSHOTS,
    concerns: concerns(`${ORGANIZATION}/preprodartifacts/snapshots/(?!latest-base/)[^/]+/$`),
    isShownBy: isFeatureRefused,
  },
  {
    name: 'images of snapshots',
    lacks: 'show the images of snapshots',
    since: '26.5.0',
    advice: SNAPSHOTS,
    concerns: concerns(`${ORGANIZATION}/preprodartifacts/snapshots/`),
    isShownBy: isFeatureRefused,
  },
  {
    name: 'progress of an onboarding by agents',
    lacks: 'follow an onboarding by agents',
    since: '26.8.0',
    concerns: concerns(`${ORGANIZATION}/onboarding/agent/status/$`),
  },
  {
    name: 'code mappings in bulk',
    lacks: 'create code mappings in bulk',
    since: '26.4.0',
    concerns: concerns(`${ORGANIZATION}/code-mappings/bulk/$`),
  },
]

/**
 * The first release at which a tool can work at all, its substitutes included, and what is short before; a tool that is
 * missing here works at all.
 */
const FIRST_RELEASES: Readonly<Record<string, readonly [first: string, shortcoming: string]>> = {
  find_uptime_monitors: ['25.1.0', 'uptime monitors'],
  get_uptime_monitor_details: ['25.2.0', 'uptime monitors'],
  search_agent_conversations: ['25.11.0', 'list of conversations of AI agents'],
  search_ai_conversations: ['25.11.0', 'list of conversations of AI agents'],
  get_agent_conversation_details: ['26.1.0', 'conversations of AI agents'],
  get_ai_conversation_details: ['26.1.0', 'conversations of AI agents'],
  get_snapshot: ['26.3.0', 'snapshots of user interfaces'],
  get_snapshot_image: ['26.5.0', 'images of snapshots'],
  get_latest_base_snapshot: ['26.5.0', 'images of snapshots'],
  onboarding_status_update: ['26.8.0', 'progress of an onboarding by agents'],
}

/** The tools that cannot work at a release. None if it is unknown; switches of sentry.conf.py are not considered. */
export function listToolsMissingAt(release: string | undefined): Set<string> {
  const missing = Object.entries(FIRST_RELEASES).filter(([, [first]]) => isBefore(release, first))
  return new Set(missing.map(([name]) => name))
}

/** Why a tool cannot work at a release; undefined if it can, or if the release is unknown. */
export function describeMissingTool(name: string, release: string | undefined): string | undefined {
  const [first, wanted] = (Object.hasOwn(FIRST_RELEASES, name) && FIRST_RELEASES[name]) || []
  const shortcoming = SHORTCOMINGS.find((one) => one.name === wanted)
  if (first === undefined || shortcoming === undefined || !isBefore(release, first)) return undefined
  return describeShortcoming(shortcoming, release)
}

/** The shortcoming that a response shows. */
export function findShortcoming(request: ApiRequest, attempt: Attempt): Shortcoming | undefined {
  const found = SHORTCOMINGS.find((shortcoming) => shortcoming.concerns(request))
  return (found?.isShownBy ?? isMissingRoute)(attempt) ? found : undefined
}

/** What a Sentry of this release cannot do, with the release and the feature that it would need. */
export function describeShortcoming(shortcoming: Shortcoming, release: string | undefined): string {
  const { lacks, since, advice } = shortcoming
  const feature = shortcoming.feature && `\`${shortcoming.feature}\``
  const subject = release === undefined ? 'This Sentry' : `This Sentry (${release})`
  const reason =
    since === undefined
      ? ''
      : release === undefined || isBefore(release, since)
        ? `; it came with ${since}${feature ? ` and ${feature}` : ''}`
        : feature
          ? `: ${feature} is not switched on in its sentry.conf.py`
          : `; it came with ${since}, but this one has it switched off`
  return `${subject} does not ${lacks}${reason}.${advice ? ` ${advice}` : ''}`
}

/** A route without a row: what is missing is not known. */
export function describeMissingRoute(release: string | undefined): string {
  const subject = release === undefined ? 'This Sentry' : `This Sentry (${release})`
  return `${subject} responded with an empty 404. Its release does not have what the tool needs, or a feature is switched off in its sentry.conf.py; for a few kinds of data it also means that the item does not exist. Other arguments of the same kind will not help.`
}

function concerns(pattern: string): Shortcoming['concerns'] {
  const expression = new RegExp(pattern)
  return ({ path }) => expression.test(path)
}

/** A dataset of `/events/`. An older release does not know its name, or knows it before it has any data. */
function dataset(
  name: string,
  lacks: string,
  since: string,
  rest: Pick<Shortcoming, 'feature' | 'advice'>,
): Shortcoming {
  const isSearch = concerns(`${ORGANIZATION}/events/$`)
  return {
    ...rest,
    name: `${name} dataset`,
    lacks,
    since,
    concerns: (request) => isSearch(request) && request.url.searchParams.get('dataset') === name,
    isShownBy: (attempt) =>
      isMissingRoute(attempt) ||
      isUnknownDataset(attempt) ||
      (isNoData(attempt) && isBefore(attempt.release, since)),
  }
}

function isUnknownDataset({ status, body }: Attempt): boolean {
  return status === 400 && /dataset must be/i.test(JSON.stringify(body ?? ''))
}

function isNoData({ status, body }: Attempt): boolean {
  const { data } = (body ?? {}) as { data?: unknown }
  return status === 200 && Array.isArray(data) && data.length === 0
}

function isFeatureRefused(attempt: Attempt): boolean {
  const refused = attempt.status === 403 && /feature not enabled/i.test(JSON.stringify(attempt.body ?? ''))
  return refused || isMissingRoute(attempt)
}
