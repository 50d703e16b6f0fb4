import type { Constraints } from '../model/caller.ts'
import { REGIONS, type SentryLocation } from './location.ts'

const OWN_ACCOUNT = '/api/0/auth/'

const ORGANIZATION_LIST = '/api/0/organizations/'

/** The collections of Sentry's API whose paths name an organization. */
const COLLECTIONS = new Set(['organizations', 'projects', 'teams'])

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

/** Query parameters that could choose an organization. Sentry's API has it in the path. */
const ORGANIZATION_PARAMETER = /^org(anization)?_?(id|slug|id_?or_?slug)?$/i

/** A dot segment, however often a part of it is percent-encoded. A proxy may decode a path before it resolves it. */
const DOT_SEGMENT = /(?:[/\\]|%(?:25)*(?:2f|5c))(?:\.|%(?:25)*2e){1,2}(?:$|[/\\]|%(?:25)*(?:2f|5c))/i

/** A request on its way, and what decides where it may go. */
export interface Destination {
  url: URL
  /** In capitals. */
  method: string
  sentry: SentryLocation
  constraints: Constraints
}

/**
 * Why a request to Sentry's API leaves the limits of a caller; undefined if it does not. To organizations it is the
 * limit itself. For projects it is the second line: tools keep to the limit themselves, or are not offered. What a path
 * or query does not show, such as the project of an issue, only the tools can check.
 */
export function findEscape(destination: Destination): string | undefined {
  const { constraints, url, method } = destination
  const organizations = listOrganizations(constraints)
  if (organizations === undefined || (url.pathname === OWN_ACCOUNT && method === 'GET')) return undefined
  if (!isWithinOrganizations(destination, organizations)) return describeLimit(constraints)
  const { projectSlug } = constraints
  return projectSlug === undefined || isWithinProject(destination)
    ? undefined
    : `This connection is limited to the project ${projectSlug}.`
}

/** The slugs of the organizations that a caller can reach; undefined for all that the user can see. */
function listOrganizations({
  organizationSlug,
  allowedOrganizations,
}: Constraints): readonly string[] | undefined {
  return organizationSlug === undefined ? allowedOrganizations : [organizationSlug]
}

function describeLimit({ organizationSlug, allowedOrganizations = [] }: Constraints): string {
  return organizationSlug === undefined
    ? describeAllowed(allowedOrganizations)
    : `This connection is limited to the organization ${organizationSlug}.`
}

/** The limit that the operator set, as a sentence. */
export function describeAllowed(organizations: readonly string[]): string {
  const noun = organizations.length === 1 ? 'organization' : 'organizations'
  return `This server is limited to the ${noun} ${new Intl.ListFormat('en').format(organizations)}.`
}

/** By slugs alone: what names an organization by its id, or by a spelling of its slug, does not pass. */
function isWithinOrganizations(destination: Destination, organizations: readonly string[]): boolean {
  const { url, constraints } = destination
  const isAllowed = (slug: string) => organizations.includes(slug)
  if (isHostOfAnother(destination, organizations) || DOT_SEGMENT.test(url.pathname)) return false
  const named = [...url.searchParams].filter(([name]) => ORGANIZATION_PARAMETER.test(name))
  if (!named.every(([, value]) => isAllowed(value))) return false
  if (isOrganizationList(destination)) return constraints.organizationSlug === undefined
  const [, root, version, collection = '', organization = ''] = url.pathname.split('/')
  return root === 'api' && version === '0' && COLLECTIONS.has(collection) && isAllowed(organization)
}

/** At sentry.io each organization has a host of its own, which may take it for the one that is meant. */
function isHostOfAnother(
  { url, sentry, constraints }: Destination,
  organizations: readonly string[],
): boolean {
  if (!sentry.isCloud || url.origin === sentry.origin || url.origin === constraints.regionUrl) return false
  const [, label] = /^(.+)\.sentry\.io$/.exec(url.hostname) ?? []
  return label !== undefined && !REGIONS.includes(label) && !organizations.includes(label)
}

function isOrganizationList({ url, method }: Pick<Destination, 'url' | 'method'>): boolean {
  return url.pathname === ORGANIZATION_LIST && method === 'GET'
}

/**
 * The URL of a list of organizations, asking for those within the limit only: the first page of a user of many
 * organizations may have none of them. Any other URL is returned unchanged.
 */
export function narrowOrganizationList({ url, method, constraints }: Omit<Destination, 'sentry'>): URL {
  const organizations = listOrganizations(constraints)
  if (organizations === undefined || !isOrganizationList({ url, method })) return url
  const terms = [url.searchParams.get('query') ?? '', ...organizations.map((slug) => `slug:${slug}`)]
  const narrowed = new URL(url)
  narrowed.searchParams.set('query', terms.join(' ').trim())
  return narrowed
}

/** A response without the organizations beyond the limit, if it is a list of organizations. */
export async function keepWithinLimit(
  response: Response,
  { url, method, constraints }: Omit<Destination, 'sentry'>,
): Promise<Response> {
  const organizations = listOrganizations(constraints)
  if (organizations === undefined || !isOrganizationList({ url, method }) || !response.ok) return response
  const list: unknown = await response.json()
  if (!Array.isArray(list)) return Response.json([])
  const { status, headers } = response
  return Response.json(
    list.filter((organization) => organizations.includes(organization?.slug)),
    { status, headers },
  )
}

function isWithinProject({ url, method, constraints }: Destination): boolean {
  const own = [constraints.projectSlug, constraints.projectId]
  const named = PROJECT_PARAMETERS.flatMap((name) => url.searchParams.getAll(name))
  if (!named.every((project) => own.includes(project))) return false
  const [, , , collection, , part = '', next] = url.pathname.split('/')
  if (collection === 'projects') return own.includes(part)
  if (collection !== 'organizations' || WHOLE_ORGANIZATION.has(part)) return false
  if (method !== 'GET') return part === 'issues'
  const isList = LISTS.has(part) && (next === '' || next === undefined)
  return !isList || named.length > 0
}
