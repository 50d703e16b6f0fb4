const WELL_KNOWN = /^\/\.well-known\/[^/?]+/

/**
 * Removes the path of BASE_URL from a request's URL, so that the endpoints are found below `https://host/path` whether
 * or not the proxy in front strips it. In well-known URLs it stands behind their name (RFC 8414 §3.1, RFC 9728 §3.1)
 * or, for clients that append the name, before it.
 */
export function createBasePathRemover(baseUrl: string): (url: string) => string {
  const basePath = new URL(baseUrl).pathname.replace(/\/$/, '')
  if (basePath === '') return (url) => url

  return (url) => {
    const wellKnown = WELL_KNOWN.exec(url)?.[0] ?? ''
    const rest = url.slice(wellKnown.length)
    return hasPath(rest, basePath) ? wellKnown + withSlash(rest.slice(basePath.length), wellKnown) : url
  }
}

/** Whether a URL begins with whole segments of a path. */
function hasPath(url: string, path: string): boolean {
  return url.startsWith(path) && /^([/?]|$)/.test(url.slice(path.length))
}

/** The root keeps its slash. */
function withSlash(rest: string, before: string): string {
  return before === '' && !rest.startsWith('/') ? `/${rest}` : rest
}
