import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { createToken, hashToken, ID_PATTERN, isToken, TOKEN_PATTERN } from '../crypto/hash.ts'
import { type Sealer, UnsealError } from '../crypto/sealer.ts'
import type { Signer } from '../crypto/signer.ts'
import { createHostCookie } from '../http/host-cookie.ts'
import type { UpstreamTokens } from '../upstream/oauth.ts'
import {
  assertSameOrigin,
  type Cookies,
  createCsrfToken,
  isCsrfToken,
  type TransactionCookies,
} from './authorize/browser.ts'
import type { Endpoints } from './endpoints.ts'
import { PageError } from './errors.ts'

const SESSION_TTL_SECONDS = 15 * 60

/** Longer than any session. */
const BROWSER_TTL_SECONDS = 3600

const MAX_NAME_LENGTH = 100

/** Takes the place of the transaction id in CSRF tokens. */
const CSRF_SUBJECT = 'account'

const SessionSchema = Type.Object({
  userId: Type.String(),
  userName: Type.Optional(Type.String()),
  /** In ms since the epoch. */
  endsAt: Type.Number(),
})

/** A user signed in to the account page. */
export type AccountSession = Static<typeof SessionSchema>

/** A form of the account page with nothing but a button. */
export const AccountFormSchema = Type.Object({ csrf: Type.String({ maxLength: 64 }) })

/** The form of the sign-in page, which has an id of its own: each tab can be finished. */
export const SignInFormSchema = Type.Object({
  ...AccountFormSchema.properties,
  page: Type.Optional(Type.String({ pattern: TOKEN_PATTERN })),
})

/** The form with the connected clients: a button for each grant, and one for all. */
export const RevocationFormSchema = Type.Object({
  ...AccountFormSchema.properties,
  grant: Type.Union([Type.String({ pattern: ID_PATTERN }), Type.Literal('all')]),
  /** Present when the user has confirmed it. */
  confirmed: Type.Optional(Type.Literal('yes')),
})

/**
 * The cookies of the account page: a session, of which the server stores nothing, and the secret of the browser that it
 * is sealed for. They are separate from everything that MCP clients receive, and give access to that page alone.
 */
export function createAccountCookies(baseUrl: string) {
  return {
    session: createHostCookie('sentry-mcp-account', { baseUrl, maxAgeSeconds: SESSION_TTL_SECONDS }),
    browser: createHostCookie('sentry-mcp', { baseUrl, maxAgeSeconds: BROWSER_TTL_SECONDS }),
  }
}

/** The browser's secret: the one in its cookie, or a new one if the cookie is missing or malformed. */
export function readBrowserSecret(cookie: string | undefined): string {
  return cookie !== undefined && isToken(cookie) ? cookie : createToken()
}

/** The cookie's value: a sealed session that is valid in this browser only. */
export function sealSession(
  userId: string,
  { userName }: Pick<UpstreamTokens, 'userName'>,
  browserSecret: string,
  sealer: Sealer,
): string {
  const session: AccountSession = {
    userId,
    ...(userName !== undefined && { userName: userName.slice(0, MAX_NAME_LENGTH) }),
    endsAt: Date.now() + SESSION_TTL_SECONDS * 1000,
  }
  return sealer.seal(JSON.stringify(session), formatContext(browserSecret))
}

/** The session in a cookie; undefined if it has expired or was not sealed for this browser. */
export function readSession(
  cookie: string | undefined,
  browserSecret: string | undefined,
  sealer: Sealer,
): AccountSession | undefined {
  if (cookie === undefined || browserSecret === undefined) return undefined
  try {
    const session = Value.Parse(SessionSchema, JSON.parse(sealer.open(cookie, formatContext(browserSecret))))
    return session.endsAt > Date.now() ? session : undefined
  } catch (error) {
    // Anyone can send a cookie, so a failure says nothing about our keys.
    if (error instanceof UnsealError) return undefined
    throw error
  }
}

/** The CSRF token of the account page's forms in this browser. */
export function createAccountCsrfToken(browserSecret: string, signer: Signer): string {
  return createCsrfToken(browserSecret, CSRF_SUBJECT, signer)
}

/** The secret of the browser whose account page sent the form. Throws `PageError` for any other sender. */
export function requireAccountBrowser(
  { csrf }: Static<typeof AccountFormSchema>,
  headers: Parameters<typeof assertSameOrigin>[0],
  browserSecret: string | undefined,
  { endpoints, signer }: { endpoints: Endpoints; signer: Signer },
): string {
  assertSameOrigin(headers, endpoints)
  if (browserSecret === undefined || !isCsrfToken(csrf, browserSecret, CSRF_SUBJECT, signer))
    throw createOldPageError()
  return browserSecret
}

/** The sign-in form comes from a page that this browser was given. Throws `PageError` for any other sender. */
export function assertSignInPage(
  { csrf, page = '' }: Static<typeof SignInFormSchema>,
  { headers, cookies }: { headers: Parameters<typeof assertSameOrigin>[0]; cookies: Cookies },
  {
    endpoints,
    signer,
    transactionCookies,
  }: { endpoints: Endpoints; signer: Signer; transactionCookies: TransactionCookies },
): void {
  assertSameOrigin(headers, endpoints)
  const secret = transactionCookies.read(page, cookies)
  if (secret === '' || !isCsrfToken(csrf, secret, page, signer)) throw createOldPageError()
}

function createOldPageError(): PageError {
  return new PageError(403, 'The account page is too old.', 'Open it again and repeat.')
}

function formatContext(browserSecret: string): string {
  return `account ${hashToken(browserSecret)}`
}
