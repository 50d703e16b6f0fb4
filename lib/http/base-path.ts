const WELL_KNOWN = /^\/\.well-known\/[^/?]+/

/**
 * Takes the path of BASE_URL out of a request's URL, so that the endpoints are found below `https://host/path`
 * whether or not the proxy in front takes it off. Well-known documents have it behind their own name (RFC 8414
 * §3.1, RFC 9728 §3.1) or, where clients append, before it.
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

/** Whether a URL begins with a path, and not with a longer segment. */
function hasPath(url: string, path: string): boolean {
  return url.startsWith(path) && /^([/?]|$)/.test(url.slice(path.length))
}

/** The root itself must keep its slash. */
function withSlash(rest: string, before: string): string {
  return before === '' && !rest.startsWith('/') ? `/${rest}` : rest
}
