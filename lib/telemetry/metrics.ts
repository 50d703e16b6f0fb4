import type { AuditEvent } from './audit.ts'

/**
 * What the service counts and times. Labels have few values: never a client, a user, a slug or text of a request. Nothing
 * here throws.
 */
export interface Metrics {
  /** A request has ended. `route` is the path with the names of its parameters. */
  recordRequest(request: { method: string; route: string; status: number; durationMs: number }): void
  /** A step of a sign-in has ended; `outcome` is `ok`, an OAuth error code, or `refused` on a page. */
  recordSignInStep(step: SignInStep, outcome: string, client: ClientLabels): void
  /** A refresh token request has ended; `outcome` as above. */
  recordRefresh(outcome: string): void
  /** A request of an authenticated MCP client has ended. `revision` is that of MCP. */
  recordMcpRequest(revision: string, client: ClientLabels): void
  recordAuditEvent(event: AuditEvent): void
  /** A tool call has ended; without a duration, it was refused before it began. */
  recordToolCall(call: { tool: string; outcome: string; durationMs?: number }): void
  recordStoreOperation(operation: string, outcome: 'ok' | 'unavailable', durationMs: number): void
  /** A request to another service has ended; without a status, it got no response. */
  recordUpstreamRequest(target: UpstreamTarget, status: number | undefined, durationMs: number): void
  recordRenewal(outcome: RenewalOutcome): void
  /** A request was beyond a rate limit, or could not be counted and was let through. */
  recordRateLimit(limit: string, outcome: 'exceeded' | 'error'): void
}

/** What of a client is counted, each with few values. */
export interface ClientLabels {
  /** The program that the client says it is. */
  client: string
  /** How this server came to know it. */
  registration: string
}

export type SignInStep = 'authorize' | 'consent' | 'callback' | 'code'

/** The endpoint of Sentry that a request is for, or `other` for AI providers and the documentation search. */
export type UpstreamTarget = 'oauth_token' | 'oauth_revoke' | 'api' | 'other'

/** `misconfigured`: Sentry rejects our OAuth application. */
export type RenewalOutcome = 'renewed' | 'refused' | 'misconfigured' | 'unavailable'

/** Records nothing. */
export const NO_METRICS: Metrics = {
  recordRequest() {},
  recordSignInStep() {},
  recordRefresh() {},
  recordMcpRequest() {},
  recordAuditEvent() {},
  recordToolCall() {},
  recordStoreOperation() {},
  recordUpstreamRequest() {},
  recordRenewal() {},
  recordRateLimit() {},
}
