/** The value of `Sec-Fetch-Site`; `none` is for a typed address. */
export type SiteRelation = 'none' | 'same-origin' | 'same-site' | 'cross-site'

const ORDER: SiteRelation[] = ['none', 'same-origin', 'same-site', 'cross-site']

/**
 * The relation after one more hop: it never gets closer again (Fetch Metadata, "set the Sec-Fetch-Site header").
 * Ports do not count toward a site, and an address or `localhost` is a site of its own.
 */
export function compareSites(before: SiteRelation, from: URL | undefined, to: URL): SiteRelation {
  if (from === undefined) return 'none'
  const isSameSite = from.protocol === to.protocol && from.hostname === to.hostname
  const hop = from.origin === to.origin ? 'same-origin' : isSameSite ? 'same-site' : 'cross-site'
  return ORDER.indexOf(hop) > ORDER.indexOf(before) ? hop : before
}

/** The `Referer` that a referrer policy leaves (Referrer Policy §8.3). */
export function chooseReferrer(policy: string | undefined, from: URL, to: URL): string | undefined {
  const isSameOrigin = from.origin === to.origin
  const isDowngrade = from.protocol === 'https:' && to.protocol === 'http:'
  const whole = from.href.split('#')[0]
  const origin = `${from.origin}/`
  switch (policy) {
    case 'no-referrer':
      return undefined
    case 'same-origin':
      return isSameOrigin ? whole : undefined
    case 'origin':
      return origin
    case 'strict-origin':
      return isDowngrade ? undefined : origin
    case 'origin-when-cross-origin':
      return isSameOrigin ? whole : origin
    case 'unsafe-url':
      return whole
    case 'no-referrer-when-downgrade':
      return isDowngrade ? undefined : whole
    default:
      if (isSameOrigin) return whole
      return isDowngrade ? undefined : origin
  }
}

/**
 * The `Origin` of a form's POST (Fetch, "append a request Origin header"). A page that asks for no referrer sends
 * `null`, even to itself.
 */
export function chooseOrigin(policy: string | undefined, from: URL, to: URL): string {
  const isDowngrade = from.protocol === 'https:' && to.protocol === 'http:'
  if (policy === 'no-referrer') return 'null'
  if (policy === 'same-origin') return from.origin === to.origin ? from.origin : 'null'
  if (policy === 'origin' || policy === 'origin-when-cross-origin' || policy === 'unsafe-url')
    return from.origin
  return isDowngrade ? 'null' : from.origin
}

/**
 * Whether a page's policy allows a form to lead to a target. Chromium checks every redirect that follows as well, so
 * that `form-action 'self'` breaks a sign-in. `default-src` does not apply to forms.
 */
export function allowsFormTarget(policy: string, page: URL, target: URL): boolean {
  const directives = policy.split(';').map((directive) => directive.trim().split(/\s+/))
  const formAction = directives.find(([name]) => name?.toLowerCase() === 'form-action')
  if (formAction === undefined) return true
  return formAction.slice(1).some((source) => matchesSource(source, page, target))
}

function matchesSource(source: string, page: URL, target: URL): boolean {
  if (source === "'none'") return false
  if (source === "'self'") return target.origin === page.origin
  if (source === '*') return target.protocol === 'http:' || target.protocol === 'https:'
  if (/^[a-z][a-z0-9+.-]*:$/i.test(source)) return target.protocol === source.toLowerCase()
  const [, scheme = page.protocol.slice(0, -1), host = '', port] =
    /^(?:([a-z]+):\/\/)?([^:/]+)(?::(\d+|\*))?/i.exec(source) ?? []
  const isRightHost = host.startsWith('*.')
    ? target.hostname.endsWith(host.slice(1))
    : target.hostname === host
  const isRightPort = port === '*' || (port ?? '') === target.port
  return target.protocol === `${scheme}:` && isRightHost && isRightPort
}
