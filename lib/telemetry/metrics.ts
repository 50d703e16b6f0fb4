import type { AuditEvent } from './audit.ts'

/**
 * What the service counts and times. Labels are out of small sets: never a client, a user, a slug or a text that
 * somebody sent. Durations are in ms. Nothing here throws.
 */
export interface Metrics {
  /** A request was answered. `route` is the path with its parameters unnamed. */
  noteRequest(request: { method: string; route: string; status: number; duration: number }): void
  /** A step of a sign-in was answered; `outcome` is `ok`, an OAuth error code, or `refused` on a page. */
  noteSignInStep(step: SignInStep, outcome: string): void
  /** A refresh was answered; `outcome` as above. */
  noteRefresh(outcome: string): void
  /** The audit log got a line. */
  noteAuditEvent(event: AuditEvent): void
  /** A tool was called; without a duration, it was refused before it began. */
  noteToolCall(call: { tool: string; outcome: string; duration?: number }): void
  noteStoreOperation(operation: string, outcome: 'ok' | 'unavailable', duration: number): void
  /** A request of ours was answered; without a status it was not. */
  noteUpstreamRequest(leg: UpstreamLeg, status: number | undefined, duration: number): void
  noteRenewal(outcome: RenewalOutcome): void
  /** A request was one too many, or could not be counted and was let through. */
  noteRateLimit(limit: string, outcome: 'refused' | 'uncounted'): void
}

export type SignInStep = 'authorize' | 'consent' | 'callback' | 'code'

/** What of Sentry a request is for, or `other` for AI providers and the documentation search. */
export type UpstreamLeg = 'oauth_token' | 'oauth_revoke' | 'api' | 'other'

/** `misconfigured`: Sentry does not accept our OAuth application. */
export type RenewalOutcome = 'renewed' | 'refused' | 'misconfigured' | 'unavailable'

/** Counts nothing. */
export const NO_METRICS: Metrics = {
  noteRequest() {},
  noteSignInStep() {},
  noteRefresh() {},
  noteAuditEvent() {},
  noteToolCall() {},
  noteStoreOperation() {},
  noteUpstreamRequest() {},
  noteRenewal() {},
  noteRateLimit() {},
}
