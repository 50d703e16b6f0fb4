import { redactInput } from '../../telemetry/redact.ts'
import { SignInRequiredError } from '../../upstream/access.ts'
import type { UpstreamCall } from '../../upstream/tool-call.ts'
import { ToolFetchError, ToolFetchTimeoutError } from '../../upstream/tool-fetch.ts'
import type { McpCore, SentryApiError } from '../core/types.ts'

/** Of Sentry's error message, in characters. */
const MAX_DETAIL = 600

/** How a call failed: a value of a metric's label. */
export type ToolFailureOutcome =
  | 'sign_in_required'
  | 'timeout'
  | 'unreachable'
  | 'invalid_arguments'
  | `sentry_${'401' | '403' | '404' | '429' | '4xx' | '5xx' | 'unreadable'}`
  | 'not_configured'
  | 'provider_failed'
  /** A fault of this server or of mcp-core. */
  | 'unexpected'

export interface FailureContext {
  core: McpCore
  call: UpstreamCall
  reference: string
  quote(text: string): string
}

export interface ToolFailure {
  /** For the model. */
  text: string
  outcome: ToolFailureOutcome
}

/**
 * Describes in plain words what went wrong and what to do, for a model that will act on it. The text consists of this
 * server's sentences and of error messages of Sentry's API, without credentials. An operator finds the log entry by
 * `reference`. `quote` sets off a text that is not this server's.
 */
export function describeFailure(
  error: unknown,
  { core, call, reference, quote }: FailureContext,
): ToolFailure {
  const { text, outcome } = describeKnown(error, { core, call, quote }) ?? {
    outcome: 'unexpected',
    text: `The tool failed for a reason that this server did not foresee. Try again once; if it fails again, tell the user to give the operator of this Sentry MCP server the reference ${reference}.`,
  }
  return { text: redactInput(text), outcome }
}

function describeKnown(
  error: unknown,
  { core, call, quote }: Omit<FailureContext, 'reference'>,
): ToolFailure | undefined {
  if (error instanceof SignInRequiredError) {
    return {
      outcome: 'sign_in_required',
      text: "The user's sign-in at Sentry has ended. The user has to authorize this MCP server again in their client; until then no tool can reach Sentry.",
    }
  }
  const upstream = findCause(error, ToolFetchError)
  if (upstream !== undefined) {
    const outcome = upstream instanceof ToolFetchTimeoutError ? 'timeout' : 'unreachable'
    return { outcome, text: upstream.message }
  }
  if (error instanceof core.UserInputError) {
    const text = `The input cannot be used: ${quote(error.message)}\n\nCorrect it and call the tool again.`
    return { outcome: 'invalid_arguments', text }
  }
  const refusal = findCause(error, core.ApiError)
  if (refusal !== undefined) return describeRefusal(refusal, { core, call, quote })
  if (isUnreadable(error)) {
    return {
      outcome: 'sentry_unreadable',
      text: 'Sentry answered in a form that this server cannot read. A proxy or a maintenance page may stand between them, or this release of Sentry does not have what the tool needs.',
    }
  }
  if (error instanceof core.ConfigurationError) {
    return {
      outcome: 'not_configured',
      text: 'The tool needs a setting that the operator of this Sentry MCP server has not made. Tools that do not need it still work.',
    }
  }
  if (core.isExpectedToolError(error)) {
    return {
      outcome: 'provider_failed',
      text: 'The AI provider behind this tool did not complete the request. Try again later, or use a tool that needs none.',
    }
  }
  return undefined
}

function describeRefusal(
  error: SentryApiError,
  { core, call, quote }: Omit<FailureContext, 'reference'>,
): ToolFailure {
  const { status } = error
  const detail = quote(shorten(error.message))
  if (status === 401 && call.requiredAction !== undefined) {
    const text = `Sentry wants something from the user before it answers (${call.requiredAction}). Ask the user to open Sentry in a browser and do what it asks, then try again.`
    return { outcome: 'sentry_401', text }
  }
  if (status === 401) {
    const text =
      "Sentry refused the user's access (HTTP 401). Ask the user to authorize this MCP server again in their client."
    return { outcome: 'sentry_401', text }
  }
  if (status === 403) {
    const text = `Sentry does not allow this (HTTP 403): ${detail}\n\nThe user's role, or the permissions they granted to this connection, do not cover it. Trying again will not help.`
    return { outcome: 'sentry_403', text }
  }
  if (status === 404) {
    const text = `Sentry found nothing there (HTTP 404): ${detail}\n\nCheck the organization, project and identifier. What the user may not see is not found either.`
    return { outcome: 'sentry_404', text }
  }
  if (status === 429) {
    const wait = call.retryAfterSeconds === undefined ? 'about a minute' : `${call.retryAfterSeconds} seconds`
    const text = `Sentry takes no more requests just now (HTTP 429). Wait ${wait}, then call the tool again.`
    return { outcome: 'sentry_429', text }
  }
  if (error instanceof core.ApiClientError) {
    const text = `Sentry did not accept the request${status === undefined ? '' : ` (HTTP ${status})`}: ${detail}\n\nChange the arguments and call the tool again.`
    return { outcome: 'sentry_4xx', text }
  }
  const wait = call.retryAfterSeconds === undefined ? 'in a moment' : `in ${call.retryAfterSeconds} seconds`
  const text = `Sentry could not answer (HTTP ${status}). Try again ${wait}; if it goes on, Sentry itself has a problem.`
  return { outcome: 'sentry_5xx', text }
}

/** mcp-core puts a response body that is not an error of Sentry's API into the message as it is. */
function shorten(message: string): string {
  const text = /<(!doctype|html)|received HTML/i.test(message)
    ? 'it answered with a web page'
    : message.trim()
  return text.length > MAX_DETAIL ? `${text.slice(0, MAX_DETAIL)}…` : text
}

/** A response that is not JSON, for which mcp-core has no class, or JSON of an unexpected shape. */
function isUnreadable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (
    error.name === 'ZodError' ||
    error instanceof SyntaxError ||
    /^(Expected JSON response|Failed to parse JSON response)/.test(error.message)
  )
}

/** The first error of a class among an error and its next five causes. */
function findCause<Wanted extends Error>(
  error: unknown,
  wanted: new (message: string) => Wanted,
): Wanted | undefined {
  let cause = error
  for (let depth = 0; depth < 6 && cause instanceof Error; depth += 1) {
    if (cause instanceof wanted) return cause
    cause = cause.cause
  }
  return undefined
}
