import { AsyncLocalStorage } from 'node:async_hooks'
import type { Caller } from '../model/caller.ts'
import type { SignInRequiredError } from './access.ts'
import type { BudgetShare } from './budget.ts'
import type { Compatibility, Findings } from './compatibility/compatibility.ts'
import type { KnownFiles, LargeFile } from './large-file.ts'
import type { SentryLocation } from './location.ts'

/** How long one request of a tool may take, its response included. */
export interface UpstreamTimeouts {
  sentryMs: number
  /** For other hosts: AI providers take long. */
  otherMs: number
}

export const DEFAULT_TIMEOUTS: UpstreamTimeouts = { sentryMs: 30_000, otherMs: 120_000 }

/** A tool call as the requests it makes see it. Those requests write its last five members, and its findings. */
export interface UpstreamCall extends Findings {
  readonly caller: Pick<
    Caller,
    'constraints' | 'renewAccessToken' | 'sentryRetryAt' | 'deferRequests' | 'limitation'
  >
  /** Aborts when the client disconnects. */
  readonly signal: AbortSignal
  readonly sentry: SentryLocation
  readonly timeouts: UpstreamTimeouts
  /** Of the requests and large responses of the process. */
  readonly share: BudgetShare
  /** The files that are known to be too large to download. */
  readonly largeFiles: KnownFiles
  /** The files that were asked for and not downloaded. */
  readonly leftOut: LargeFile[]
  /** Makes requests to Sentry's API work at its release; without it they are sent as they are. */
  readonly compatibility?: Compatibility
  /** The user's token at Sentry, replaced when it is renewed. */
  accessToken: string
  /** The renewal of this call, which its parallel requests share. There is at most one. */
  renewal?: Promise<string>
  /** Sentry refused the token, and it cannot be renewed. */
  signInRequired?: SignInRequiredError
  /** What Sentry requires of the user before it responds, such as `sso-required`. */
  requiredAction?: string
  /** Sentry has responded to one of its requests, so what the tool says may come from there. */
  hasRead?: boolean
  /** From the last response of Sentry that refused a request because of too many. */
  retryAfterSeconds?: number
}

/** A request to Sentry other than a read. */
export interface UpstreamWrite {
  /** Of Sentry's response; undefined while there is none, so that Sentry may have carried it out. */
  status: number | undefined
}

/**
 * Process-wide: every tool call of every app in the process runs in it. A connection to Sentry that is opened in a call
 * keeps this context for as long as it lives, so the context has the call, its token and its result only while it runs.
 */
const calls = new AsyncLocalStorage<{ running: UpstreamCall | undefined }>()

const writes = new AsyncLocalStorage<UpstreamWrite[]>()

/** Runs `work` so that every request it makes to Sentry until it settles belongs to `call`. */
export async function runUpstreamCall<Result>(
  call: UpstreamCall,
  work: () => Promise<Result>,
): Promise<Result> {
  const context: { running: UpstreamCall | undefined } = { running: call }
  try {
    return await calls.run(context, work)
  } finally {
    context.running = undefined
  }
}

/** The call that the running code belongs to; undefined once it has settled. */
export function findUpstreamCall(): UpstreamCall | undefined {
  return calls.getStore()?.running
}

/** Runs `work` so that its writes are added to `list`, and to no list around it. */
export function collectWrites<Result>(list: UpstreamWrite[], work: () => Result): Result {
  return writes.run(list, work)
}

/** Adds a write that is about to be sent to the innermost list, if there is one. */
export function addWrite(write: UpstreamWrite): void {
  writes.getStore()?.push(write)
}
