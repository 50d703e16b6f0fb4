import { createToken, hashToken } from '../../crypto/hash.ts'
import type { Signer } from '../../crypto/signer.ts'

/**
 * The cookie that binds a transaction to the browser it was begun in. It outlives every transaction. `__Host-`
 * keeps other hosts from planting one (RFC 6265bis §4.1.3.2); it needs https, and plain http is for loopback
 * alone. Lax, because the browser comes back from Sentry by a link of Sentry's.
 */
export function createBrowserCookie(baseUrl: string) {
  const isSecure = baseUrl.startsWith('https:')
  return {
    name: isSecure ? '__Host-sentry-mcp' : 'sentry-mcp',
    options: { path: '/', httpOnly: true, secure: isSecure, sameSite: 'lax', maxAge: 3600 },
  } as const
}

/** The secret of a browser: the one its cookie brings, or a new one where that is missing or not of our form. */
export function readBrowserSecret(cookie: string | undefined): string {
  return cookie !== undefined && /^[A-Za-z0-9_-]{43}$/.test(cookie) ? cookie : createToken()
}

/**
 * The CSRF token of a consent form. It depends on browser and transaction alone, so that a page loaded twice is
 * good twice.
 */
export function createCsrfToken(browserSecret: string, transactionId: string, signer: Signer): string {
  return signer.createMac('csrf', formatCsrfText(browserSecret, transactionId))
}

export function checkCsrfToken(
  token: string,
  browserSecret: string,
  transactionId: string,
  signer: Signer,
): boolean {
  return signer.verifyMac('csrf', formatCsrfText(browserSecret, transactionId), token)
}

function formatCsrfText(browserSecret: string, transactionId: string): string {
  return `${hashToken(browserSecret)}.${transactionId}`
}
