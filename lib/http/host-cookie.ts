export interface HostCookieOptions {
  /** The server's public URL; over plain http, which only loopback uses, the cookie has neither prefix nor Secure. */
  baseUrl: string
  maxAgeSeconds: number
}

/**
 * Name and options of a cookie that only this host can set (`__Host-`, RFC 6265bis §4.1.3.2). It is Lax, since the
 * browser comes back from Sentry by a link of Sentry's.
 */
export function createHostCookie(name: string, { baseUrl, maxAgeSeconds }: HostCookieOptions) {
  const isSecure = baseUrl.startsWith('https:')
  return {
    name: isSecure ? `__Host-${name}` : name,
    options: { path: '/', httpOnly: true, secure: isSecure, sameSite: 'lax', maxAge: maxAgeSeconds },
  } as const
}
