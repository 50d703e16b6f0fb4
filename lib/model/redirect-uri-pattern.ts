import { isLoopbackHost } from './loopback.ts'

/** Whether the operator allows a redirect URI. The URI has to be safe (`isSafeRedirectUri`). */
export type RedirectUriPolicy = (uri: string) => boolean

/**
 * The policy of ALLOWED_REDIRECT_URI_PATTERNS. Patterns are compared component by component, never as text:
 *
 * - `*` allows every URI that is structurally safe;
 * - the scheme is exact; a private-use scheme may be followed by `*` for everything of that scheme;
 * - the host is exact, or `*.example.com` for hosts below it;
 * - the port is exact, or `*`; without one it is the scheme's default, and any port on loopback, where programs
 *   listen on whichever is free (RFC 8252 §7.3);
 * - the path is exact, or ends in `/*` for everything below it; a pattern without a path means any path;
 * - a query is allowed only as the pattern spells it.
 *
 * Throws `TypeError`, which names the pattern, for a pattern of another form.
 */
export function createRedirectUriPolicy(patterns: readonly string[]): RedirectUriPolicy {
  const matchers = patterns.map(parsePattern)
  return (uri) => matchers.some((matches) => matches(uri))
}

function parsePattern(pattern: string): RedirectUriPolicy {
  if (pattern === '*') return () => true
  const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(\/[^?#]*)?(\?[^#]*)?$/.exec(pattern)
  const scheme = parts?.[1]
  const authority = parts?.[2]
  if (parts === null || scheme === undefined || authority === undefined) {
    throw new TypeError(`${JSON.stringify(pattern)} is not a redirect URI pattern.`)
  }
  const [path, query = ''] = [parts[3], parts[4]]
  const matchesAuthority = parseAuthority(pattern, scheme, authority)
  const matchesPath = parsePath(pattern, path)
  return (uri) => {
    const url = new URL(uri)
    return (
      url.protocol === `${scheme}:` &&
      matchesAuthority(url) &&
      matchesPath(url.pathname) &&
      url.search === query
    )
  }
}

function parseAuthority(pattern: string, scheme: string, authority: string): (url: URL) => boolean {
  const isWeb = scheme === 'https' || scheme === 'http'
  if (authority === '*' && !isWeb) return () => true
  const parts = /^(\*\.)?([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(\d+|\*))?$/.exec(authority)
  const name = parts?.[2]
  if (parts === null || name === undefined) {
    throw new TypeError(`${JSON.stringify(pattern)} has a host that a pattern cannot have.`)
  }
  const [below, port] = [parts[1] !== undefined, parts[3]]
  if (below && !name.includes('.')) {
    throw new TypeError(`${JSON.stringify(pattern)} would allow every host below ${name}.`)
  }
  const schemePort = { https: '443', http: '80' }[scheme]
  const isAnyPort = port === '*' || (port === undefined && scheme === 'http' && isLoopbackHost(name))
  const wantedPort = port === schemePort ? '' : (port ?? '')
  return (url) =>
    (below ? url.hostname.endsWith(`.${name}`) : url.hostname === name) &&
    (isAnyPort || url.port === wantedPort)
}

function parsePath(pattern: string, path: string | undefined): (pathname: string) => boolean {
  if (path === undefined || path === '/*') return () => true
  const isParent = path.endsWith('/*')
  const text = isParent ? path.slice(0, -1) : path
  if (text.includes('*')) {
    throw new TypeError(`${JSON.stringify(pattern)} has a * in its path other than as the last segment.`)
  }
  if (isParent) return (pathname) => pathname.startsWith(text)
  return (pathname) => pathname === text || (text === '/' && pathname === '')
}
