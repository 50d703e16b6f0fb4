/** The slugs that Sentry gives organizations and projects. */
const SLUG = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}$/

/** A protected resource of this server (RFC 8707, RFC 9728): `/mcp`, or `/mcp` limited to an organization or project. */
export interface Resource {
  /** Its identifier, which is the audience of its access tokens. */
  url: string
  /** The path below the base URL, which begins with `/mcp`. */
  path: string
  /** The slug of the organization it is limited to. */
  organization: string | undefined
  /** The slug of the project it is limited to; never without an organization. */
  project: string | undefined
}

/** The resource with these limits. Undefined if one of them is not a slug. */
export function createResource(
  baseUrl: string,
  organization?: string,
  project?: string,
): Resource | undefined {
  const slugs = [organization, project].filter((slug) => slug !== undefined)
  if (!slugs.every(isSlug) || (organization === undefined && project !== undefined)) return undefined
  const path = ['/mcp', ...slugs].join('/')
  return { url: `${baseUrl}${path}`, path, organization, project }
}

/**
 * Parses a resource indicator (RFC 8707 §2). A trailing slash and a query are ignored, since clients add both; the
 * rest must equal the identifier. Undefined if it is not a resource of this server.
 */
export function parseResource(baseUrl: string, indicator: string): Resource | undefined {
  if (indicator.includes('#')) return undefined
  const [text = ''] = indicator.split('?')
  if (!text.startsWith(`${baseUrl}/mcp`)) return undefined
  const [, organization, project, ...rest] = text.slice(`${baseUrl}/`.length).replace(/\/$/, '').split('/')
  const resource = rest.length > 0 ? undefined : createResource(baseUrl, organization, project)
  return resource?.url === text.replace(/\/$/, '') ? resource : undefined
}

/** Whether a text has the form of a slug of an organization or project. */
export function isSlug(text: string): boolean {
  return SLUG.test(text)
}
