/** A slug as Sentry makes them: what may stand for an organisation or a project in a path. */
const SLUG = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}$/

/** A protected resource of this server (RFC 8707, RFC 9728): `/mcp`, or `/mcp` limited to part of Sentry. */
export interface Resource {
  /** Its identifier, which is also the audience of its access tokens. */
  url: string
  /** The path below the base URL, which begins with `/mcp`. */
  path: string
  /** The organisation it is limited to. */
  organization: string | undefined
  /** The project it is limited to; never without an organisation. */
  project: string | undefined
}

/** The resource with these limits. Undefined when one of them cannot be a slug. */
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
 * Parses a resource indicator (RFC 8707 §2). A trailing slash and a query are ignored, since clients add both;
 * everything else must be the identifier itself. Undefined when it is not a resource of this server.
 */
export function parseResource(baseUrl: string, indicator: string): Resource | undefined {
  if (indicator.includes('#')) return undefined
  const [text = ''] = indicator.split('?')
  if (!text.startsWith(`${baseUrl}/mcp`)) return undefined
  const [, organization, project, ...rest] = text.slice(`${baseUrl}/`.length).replace(/\/$/, '').split('/')
  const resource = rest.length > 0 ? undefined : createResource(baseUrl, organization, project)
  return resource?.url === text.replace(/\/$/, '') ? resource : undefined
}

/** Whether a text can be the slug of an organisation or project, and so may stand in a path. */
export function isSlug(text: string): boolean {
  return SLUG.test(text)
}
