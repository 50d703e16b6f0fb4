/** A stored cookie (RFC 6265bis §5.6, if not stated otherwise). */
export interface Cookie {
  name: string
  value: string
  /** The host that set it, without a port: cookies ignore ports. */
  host: string
  /** Whether hosts below `host` get it too. */
  includesSubdomains: boolean
  path: string
  secure: boolean
  httpOnly: boolean
  sameSite: 'Strict' | 'Lax' | 'None'
  /** In ms since the epoch; undefined for a session cookie. */
  expiresAt: number | undefined
}

/** The properties of a request that decide which cookies it has. */
export interface CookieRequest {
  url: URL
  method: string
  /** Whether another site began or redirected it. */
  isCrossSite: boolean
}

export interface CookieJar {
  /** Stores the `Set-Cookie` headers of a response, without those that a browser refuses. */
  store(url: URL, headers: readonly string[]): void
  /** The `Cookie` header of a top-level navigation, or undefined when there is none to send. */
  write(request: CookieRequest): string | undefined
  /** Every stored cookie. */
  list(): Cookie[]
}

export function createCookieJar(): CookieJar {
  const cookies = new Map<string, Cookie>()

  function listLive(): Cookie[] {
    return [...cookies.values()].filter(({ expiresAt }) => expiresAt === undefined || expiresAt > Date.now())
  }

  return {
    store(url, headers) {
      for (const header of headers) {
        const cookie = parseCookie(url, header)
        if (cookie !== undefined) cookies.set(`${cookie.host} ${cookie.path} ${cookie.name}`, cookie)
      }
    },
    write(request) {
      // The longer path first, as RFC 6265 §5.4 asks.
      const sent = listLive()
        .filter((cookie) => isSent(cookie, request))
        .sort((left, right) => right.path.length - left.path.length)
      return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join('; ')
    },
    list: listLive,
  }
}

/** Undefined for a cookie that a browser refuses. */
function parseCookie(url: URL, header: string): Cookie | undefined {
  const [pair = '', ...attributes] = header.split(';').map((part) => part.trim())
  const equals = pair.indexOf('=')
  if (equals < 1) return undefined
  const values = new Map(
    attributes.map((attribute) => {
      const [name = '', ...rest] = attribute.split('=')
      return [name.trim().toLowerCase(), rest.join('=').trim()]
    }),
  )
  const domain = values.get('domain')?.replace(/^\./, '').toLowerCase()
  const path = values.get('path')
  const sameSite = values.get('samesite')?.toLowerCase()
  const cookie: Cookie = {
    name: pair.slice(0, equals),
    value: pair.slice(equals + 1),
    host: domain ?? url.hostname,
    includesSubdomains: domain !== undefined,
    path: path?.startsWith('/') ? path : url.pathname.slice(0, Math.max(1, url.pathname.lastIndexOf('/'))),
    secure: values.has('secure'),
    httpOnly: values.has('httponly'),
    sameSite: sameSite === 'strict' ? 'Strict' : sameSite === 'none' ? 'None' : 'Lax',
    expiresAt: readExpiry(values),
  }
  return isAcceptable(cookie, url, domain) ? cookie : undefined
}

function isAcceptable(cookie: Cookie, url: URL, domain: string | undefined): boolean {
  const isSecureOrigin = url.protocol === 'https:'
  if (domain !== undefined && !isWithin(url.hostname, domain)) return false
  // Chromium lets http://localhost set Secure cookies, Safari does not; the service must work in both.
  if (cookie.secure && !isSecureOrigin) return false
  if (cookie.sameSite === 'None' && !cookie.secure) return false
  if (/^__secure-/i.test(cookie.name)) return cookie.secure
  if (/^__host-/i.test(cookie.name)) return cookie.secure && cookie.path === '/' && domain === undefined
  return true
}

function readExpiry(values: ReadonlyMap<string, string>): number | undefined {
  const maxAge = values.get('max-age')
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return Date.now() + Number(maxAge) * 1000
  const expires = Date.parse(values.get('expires') ?? '')
  return Number.isNaN(expires) ? undefined : expires
}

function isSent(cookie: Cookie, { url, method, isCrossSite }: CookieRequest): boolean {
  const isRightHost = cookie.includesSubdomains
    ? isWithin(url.hostname, cookie.host)
    : url.hostname === cookie.host
  if (!isRightHost || !isBelow(url.pathname, cookie.path)) return false
  if (cookie.secure && url.protocol !== 'https:') return false
  if (!isCrossSite || cookie.sameSite === 'None') return true
  return cookie.sameSite === 'Lax' && method === 'GET'
}

function isWithin(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}
