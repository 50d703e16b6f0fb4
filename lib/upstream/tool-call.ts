import { AsyncLocalStorage } from 'node:async_hooks'

/** Where the tools find Sentry. */
export interface SentryLocation {
  /** Scheme, host and port. */
  origin: string
  /** sentry.io, whose organizations live on hosts of their own below sentry.io. */
  isCloud: boolean
}

/** How long one request may take, its answer included; ms. */
export interface UpstreamTimeouts {
  sentry: number
  /** For anybody else: AI providers think for a while. */
  other: number
}

export const DEFAULT_TIMEOUTS: UpstreamTimeouts = { sentry: 30_000, other: 120_000 }

/** What the requests of one tool call share, and what has come out of them so far. */
export interface UpstreamCall {
  /** Ends when the client goes away. */
  readonly signal: AbortSignal
  readonly sentry: SentryLocation
  readonly timeouts: UpstreamTimeouts
  /** The one organization the call may reach. */
  readonly organizationSlug: string | undefined
  /** The user's token, replaced by its successor when it is renewed. */
  accessToken: string
  renewAccessToken(): Promise<string | undefined>
  /** The renewal of this call, which its parallel requests share. There is at most one. */
  renewal: Promise<string | undefined> | undefined
  /** Sentry refuses the token for good: the user has to sign in again. */
  signInEnded: boolean
  /** What Sentry demands of the user before it answers, such as `sso-required`. */
  demand: string | undefined
  /** Seconds to wait, after Sentry turned down a request for being one too many. */
  retryAfter: number | undefined
}

const calls = new AsyncLocalStorage<UpstreamCall>()

/** Runs `work` so that every request it makes to Sentry belongs to `call`. */
export function runUpstreamCall<Result>(call: UpstreamCall, work: () => Result): Result {
  return calls.run(call, work)
}

/** The call that the running code belongs to. */
export function findUpstreamCall(): UpstreamCall | undefined {
  return calls.getStore()
}
