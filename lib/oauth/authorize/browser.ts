import { createToken, hashToken, isToken } from '../../crypto/hash.ts'
import type { Signer } from '../../crypto/signer.ts'
import { createHostCookie } from '../../http/host-cookie.ts'
import type { Endpoints } from '../endpoints.ts'
import { PageError, START_AGAIN } from '../errors.ts'

/** As long as any transaction: the browser itself drops the cookie of one that has expired. */
const COOKIE_TTL_SECONDS = 600

/**
 * How many unfinished sign-ins a browser keeps; the oldest gives way to a new one. With 76 bytes each, all cookies fit
 * into a header that every proxy accepts.
 */
const MAX_COOKIES = 20

/** The cookies of a request. */
export type Cookies = Readonly<Record<string, string | undefined>>

type CookieOptions = ReturnType<typeof createHostCookie>['options']

/** The part of a response that has cookies. */
export interface CookieResponse {
  setCookie(name: string, value: string, options: CookieOptions): unknown
  clearCookie(name: string, options: CookieOptions): unknown
}

/**
 * The cookies that bind each transaction to the browser that started it (RFC 9700 §4.7.1): one cookie with one secret
 * for each transaction, so tabs that start at the same time do not replace each other's.
 */
export interface TransactionCookies {
  /**
   * Returns the secret of a new transaction, and gives it to the browser. Removes cookies of other transactions that
   * are malformed or, oldest first, too many.
   */
  bind(transactionId: string, cookies: Cookies, response: CookieResponse): string
  /**
   * The secret that binds a transaction to this browser. Without a cookie it is empty, which no transaction is bound
   * to: the store then tells an expired transaction from that of another browser.
   */
  read(transactionId: string, cookies: Cookies): string
  /** Removes the cookie of a transaction that has ended. */
  clear(transactionId: string, response: CookieResponse): void
}

export function createTransactionCookies(baseUrl: string): TransactionCookies {
  const { name: base, options } = createHostCookie('sentry-mcp-tx', {
    baseUrl,
    maxAgeSeconds: COOKIE_TTL_SECONDS,
  })
  const prefix = `${base}-`

  /** Enough of the hash to tell the transactions of a browser apart; the id itself is not in the name. */
  function getName(transactionId: string): string {
    return prefix + hashToken(transactionId).slice(0, 10)
  }

  /** The names to remove before one more is set. Browsers send the oldest cookie first (RFC 6265 §5.4). */
  function listSurplus(name: string, cookies: Cookies): string[] {
    const others = Object.keys(cookies).filter((other) => other.startsWith(prefix) && other !== name)
    const isIntact = (other: string) => isToken(cookies[other] ?? '')
    const intact = others.filter(isIntact)
    const surplus = intact.slice(0, Math.max(0, intact.length - MAX_COOKIES + 1))
    return [...others.filter((other) => !isIntact(other)), ...surplus]
  }

  return {
    bind(transactionId, cookies, response) {
      const name = getName(transactionId)
      const secret = createToken()
      for (const surplus of listSurplus(name, cookies)) response.clearCookie(surplus, options)
      response.setCookie(name, secret, options)
      return secret
    },
    read: (transactionId, cookies) => cookies[getName(transactionId)] ?? '',
    clear(transactionId, response) {
      response.clearCookie(getName(transactionId), options)
    },
  }
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
