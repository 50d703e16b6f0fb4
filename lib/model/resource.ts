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
 * Parses a resource indicator (RFC 8707 §2). It may be any spelling of an identifier that RFC 3986 §6.2.2 and §6.2.3
 * call equivalent: the case of scheme and host, the default port, dot segments, encoded letters. BASE_URL means `/mcp`,
 * since some clients name the server and not its endpoint. A trailing slash and a query are ignored, since clients add
 * both. Undefined if it is not a resource of this server.
 */
export function parseResource(baseUrl: string, indicator: string): Resource | undefined {
  const url = parseUri(indicator)
  const base = new URL(baseUrl)
  if (url?.origin !== base.origin) return undefined
  const basePath = base.pathname.replace(/\/$/, '')
  const path = url.pathname.replace(/\/$/, '')
  if (path === basePath) return createResource(baseUrl)
  if (!`${path}/`.startsWith(`${basePath}/mcp/`)) return undefined
  const [, , organization, project, ...rest] = path.slice(basePath.length).split('/')
  return rest.length > 0 ? undefined : createResource(baseUrl, organization, project)
}

/**
 * An http(s) URI in the normal form of RFC 3986 §6.2.2. Undefined for one with user information or a fragment (RFC 8707
 * §2), and for what only a lenient parser takes for a URI.
 */
function parseUri(text: string): URL | undefined {
  if (!/^https?:\/\/[a-z0-9.[\]:%_-]+([/?][\x21-\x7e]*)?$/i.test(text) || /[#\\]/.test(text)) return undefined
  const decoded = text.replace(/%[0-9a-f]{2}/gi, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return /[a-z0-9._~-]/i.test(character) ? character : triplet.toUpperCase()
  })
  const host = /^https?:\/\/([^/?]*)/i.exec(decoded)?.[1]?.toLowerCase().replace(/:\d*$/, '')
  const url = URL.parse(decoded) ?? undefined
  // The parser would also read 127.1 and 0x7f.1 as 127.0.0.1.
  return url?.hostname === host ? url : undefined
}

/**
 * A resource with the slash that a request's URL has at the end of its path: metadata has to name the URL that the
 * client used, as it used it (RFC 9728 §3.3).
 */
export function spellResource<Found extends Resource | undefined>(
  resource: Found,
  requestUrl: string,
): Found {
  if (resource === undefined || !/^[^?]*\/(\?|$)/.test(requestUrl)) return resource
  return { ...resource, url: `${resource.url}/` }
}

/** Whether a text has the form of a slug of an organization or project. */
export function isSlug(text: string): boolean {
  return SLUG.test(text)
}
