/** Arguments that hold a link to something in Sentry. */
const LINKS = ['issueUrl', 'profileUrl', 'replayUrl']

/** Its `url` is a link too; that of other tools is one for Sentry to check. */
const RESOURCE_TOOL = 'get_sentry_resource'

/** The first segments of the paths of Sentry's pages below an organization. */
const PAGES = new Set([
  ...['issues', 'explore', 'performance', 'profiling', 'replays', 'releases', 'crons', 'monitors', 'alerts'],
  ...['feedback', 'dashboards', 'discover', 'insights', 'preprod', 'traces', 'projects', 'settings'],
])

/**
 * The arguments with links that name their organization. mcp-core takes the first label of a host for an organization,
 * as in `acme.sentry.io`. On other hosts, only `/organizations/<slug>/` names one (getsentry/self-hosted#3241); any other
 * link is one to `organization`. Calls `refuse` if that is undefined.
 */
export function nameOrganization(
  tool: string,
  args: Record<string, unknown>,
  organization: string | undefined,
  refuse: (text: string) => never,
): Record<string, unknown> {
  const entries = Object.entries(args).map(([name, value]) => {
    const isLink = LINKS.includes(name) || (name === 'url' && tool === RESOURCE_TOOL)
    const url = isLink && typeof value === 'string' ? URL.parse(value) : null
    const path = url === null ? undefined : findPage(url)
    if (url === null || path === undefined) return [name, value]
    if (organization === undefined) {
      return refuse(
        `The link in ${name} does not name an organization. Pass organizationSlug too, or a link with /organizations/<slug>/ in it.`,
      )
    }
    url.pathname = `/organizations/${encodeURIComponent(organization)}/${path}`
    return [name, url.href]
  })
  return Object.fromEntries(entries)
}

/** The path of a page below its organization, of a link to a self-hosted Sentry that names none. */
function findPage({ protocol, hostname, pathname }: URL): string | undefined {
  const isCloud = hostname === 'sentry.io' || hostname.endsWith('.sentry.io')
  if (isCloud || (protocol !== 'https:' && protocol !== 'http:')) return undefined
  const segments = pathname.split('/').filter((segment) => segment !== '')
  const named = segments.indexOf('organizations')
  if (named !== -1 && segments[named + 1] !== undefined) return undefined
  const page = segments.findIndex((segment) => PAGES.has(segment))
  return page === -1 ? undefined : `${segments.slice(page).join('/')}/`
}
