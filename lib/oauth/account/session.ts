import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { hashToken } from '../../crypto/hash.ts'
import { type Sealer, UnsealError } from '../../crypto/sealer.ts'
import type { UpstreamTokens } from '../../upstream/oauth.ts'

/** How long a user stays signed in to the account page, in seconds. */
const SESSION_TTL = 15 * 60

const MAX_NAME_LENGTH = 100

const SessionSchema = Type.Object({
  userId: Type.String(),
  userName: Type.Optional(Type.String()),
  /** In ms since the epoch. */
  endsAt: Type.Number(),
})

/** A user signed in to the account page. */
export type AccountSession = Static<typeof SessionSchema>

/**
 * The cookie that holds a session of the account page: the server remembers none. It is apart from everything that
 * MCP clients get, and opens nothing but that page.
 */
export function createAccountCookie(baseUrl: string) {
  const isSecure = baseUrl.startsWith('https:')
  return {
    name: isSecure ? '__Host-sentry-mcp-account' : 'sentry-mcp-account',
    options: { path: '/', httpOnly: true, secure: isSecure, sameSite: 'lax', maxAge: SESSION_TTL },
  } as const
}

/** Makes the content of that cookie, which is good in this browser only. */
export function sealSession(
  userId: string,
  { userName }: Pick<UpstreamTokens, 'userName'>,
  browserSecret: string,
  sealer: Sealer,
): string {
  const session: AccountSession = {
    userId,
    ...(userName !== undefined && { userName: userName.slice(0, MAX_NAME_LENGTH) }),
    endsAt: Date.now() + SESSION_TTL * 1000,
  }
  return sealer.seal(JSON.stringify(session), formatContext(browserSecret))
}

/** The session that a cookie holds; undefined when it has ended or is not one of ours for this browser. */
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
    // Anybody can send a cookie, so one that does not open says nothing about our keys.
    if (error instanceof UnsealError) return undefined
    throw error
  }
}

function formatContext(browserSecret: string): string {
  return `account ${hashToken(browserSecret)}`
}
