import { createToken, hashToken, isToken } from '../../crypto/hash.ts'
import type { Signer } from '../../crypto/signer.ts'
import { createHostCookie } from '../../http/host-cookie.ts'
import type { Endpoints } from '../endpoints.ts'
import { createOtherBrowserError, PageError, START_AGAIN } from '../errors.ts'

/** Longer than any transaction. */
const COOKIE_TTL_SECONDS = 3600

/** The cookie with the browser's secret, which binds a transaction to the browser that started it. */
export function createBrowserCookie(baseUrl: string) {
  return createHostCookie('sentry-mcp', { baseUrl, maxAgeSeconds: COOKIE_TTL_SECONDS })
}

/** The browser's secret: the one in its cookie, or a new one if the cookie is missing or malformed. */
export function readBrowserSecret(cookie: string | undefined): string {
  return cookie !== undefined && isToken(cookie) ? cookie : createToken()
}

/** The browser's secret. Throws `PageError` without a cookie: the sign-in was started in another browser. */
export function requireBrowserSecret(cookie: string | undefined): string {
  if (cookie === undefined) throw createOtherBrowserError()
  return cookie
}

/** The CSRF token of a form. It depends on browser and transaction alone, so a page loaded twice works twice. */
export function createCsrfToken(browserSecret: string, transactionId: string, signer: Signer): string {
  return signer.createMac('csrf', formatCsrfText(browserSecret, transactionId))
}

export function isCsrfToken(
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

/**
 * A form comes from a page of this server, by its Origin, or by Sec-Fetch-Site if the browser sends no Origin. Throws
 * `PageError`, also without either header.
 */
export function assertSameOrigin(
  headers: { origin?: string; 'sec-fetch-site'?: string | string[] },
  { origin }: Pick<Endpoints, 'origin'>,
): void {
  const isSameOrigin =
    headers.origin === undefined ? headers['sec-fetch-site'] === 'same-origin' : headers.origin === origin
  if (!isSameOrigin)
    throw new PageError(403, 'The form did not come from a page of this server.', START_AGAIN)
}
