import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import type { Caller } from '../model/caller.ts'
import type { BudgetShare } from '../upstream/budget.ts'
import type { ToolVariant } from './tools/catalogue.ts'
import type { Query } from './tools/narrowing.ts'
import type { Progress } from './transport/progress.ts'

/** What every step of a request may need. Made where the request enters MCP, and passed on from there. */
export interface RequestContext {
  caller: Caller
  /** Aborts when the client disconnects. */
  signal: AbortSignal
  /** The id under which the log has the request's entries. */
  reference: string
  log: FastifyBaseLogger
  /** Counts a run of the AI provider against the limit of the caller. Rejects with `TooManyRequestsError`. */
  countAgentRun(): Promise<void>
}

/** A POST of an authenticated caller. */
export interface McpRequest extends RequestContext {
  headers: IncomingHttpHeaders
  /** Of the address; narrows the caller. */
  query: Query
  /** Parsed JSON. */
  body: unknown
  /** Aborts when the response was sent, or the client has disconnected. */
  ended: AbortSignal
}

/** The context of the tool calls of a request. */
export interface CallContext extends RequestContext {
  variant: ToolVariant
  /** Of the caller, at Sentry. */
  accessToken: string
  progress: Progress
  /** What the request may use of the budget for Sentry. */
  share: BudgetShare
}
