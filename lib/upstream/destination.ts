import type { Constraints } from '../model/caller.ts'

/** Parts of an organization whose data belongs to several projects at once. */
const WHOLE_ORGANIZATION = new Set([
  ...['trace', 'trace-meta', 'preprodartifacts'],
  // In place of the first two at an old Sentry.
  ...['events-trace', 'events-trace-meta'],
])

/** Lists of an organization that hold the data of every project, unless the request names one. */
const LISTS = new Set(['events', 'replays', 'monitors', 'uptime', 'agents', 'profiling'])

/** Query parameters that choose projects. */
const PROJECT_PARAMETERS = ['project', 'projectSlug', 'project_id', 'project_slug']

/**
 * Why a request to Sentry's API leaves the limits of a caller; undefined if it does not. This is the second line: tools
 * keep to the limits themselves, or are not offered. What a path or query does not show, such as the project of an
 * issue, only the tools can check.
 */
export function findEscape(url: URL, method: string, constraints: Constraints): string | undefined {
  const { organizationSlug, projectSlug } = constraints
  if (organizationSlug === undefined) return undefined
  const [, , , collection = '', organization, ...rest] = url.pathname.split('/')
  if (collection === 'auth') return undefined
  const isWithin =
    ['organizations', 'projects', 'teams'].includes(collection) && organization === organizationSlug
  if (!isWithin) return `This connection is limited to the organization ${organizationSlug}.`
  if (projectSlug === undefined || isWithinProject({ url, method, collection, rest }, constraints))
    return undefined
  return `This connection is limited to the project ${projectSlug}.`
}

interface Destination {
  url: URL
  method: string
  collection: string
  /** Of the path, behind the organization. */
  rest: readonly string[]
}

function isWithinProject({ url, method, collection, rest }: Destination, constraints: Constraints): boolean {
  const own = [constraints.projectSlug, constraints.projectId]
  const named = PROJECT_PARAMETERS.flatMap((name) => url.searchParams.getAll(name))
  if (!named.every((project) => own.includes(project))) return false
  const [part = ''] = rest
  if (collection === 'projects') return own.includes(part)
  if (collection !== 'organizations' || WHOLE_ORGANIZATION.has(part)) return false
  if (method !== 'GET') return part === 'issues'
  const isList = LISTS.has(part) && (rest[1] === '' || rest[1] === undefined)
  return !isList || named.length > 0
}
