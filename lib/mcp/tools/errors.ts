import { TooManyRequestsError } from '../../oauth/errors.ts'
import { redactResult } from '../../telemetry/redact.ts'
import { SignInRequiredError } from '../../upstream/access.ts'
import { UpstreamBusyError } from '../../upstream/budget.ts'
import type { UpstreamCall, UpstreamWrite } from '../../upstream/tool-call.ts'
import { OutOfReachError, ToolFetchError, ToolFetchTimeoutError } from '../../upstream/tool-fetch.ts'
import { ToolRefusedError } from '../core/load.ts'
import type { McpCore, SentryApiError } from '../core/types.ts'
import type { MissingGrant, ToolVariant } from './catalogue.ts'
import { AgentError } from './use-sentry.ts'
import { describeWrites, isAccepted, isUncertain } from './writes.ts'

/** Of Sentry's error message, in characters. */
const MAX_DETAIL = 600

const PROVIDER_FAILED =
  'The AI provider behind this tool did not complete the request. Try again later, or use a tool that needs none.'

/** How a call failed: a value of a metric's label. */
export type ToolFailureOutcome =
  | 'sign_in_required'
  | 'timeout'
  | 'unreachable'
  | 'invalid_arguments'
  /** Beyond the organizations or the project that the call is limited to. */
  | 'out_of_reach'
  | 'not_granted'
  | 'disabled'
  | `sentry_${'401' | '403' | '404' | '429' | '4xx' | '5xx' | 'unreadable'}`
  /** Too many requests, or too much to read, at once. */
  | 'busy'
  /** Too many runs of the AI provider. */
  | 'rate_limited'
  /** Its release does not have what the tool needs, or a feature is switched off. */
  | 'sentry_lacks_feature'
  | 'not_configured'
  | 'provider_failed'
  /** A fault of this server or of mcp-core. */
  | 'unexpected'

export interface ToolFailure {
  /** For the model. */
  text: string
  outcome: ToolFailureOutcome
}

export interface FailureContext {
  core: McpCore
  call: UpstreamCall & { args: Record<string, unknown>; variant: Pick<ToolVariant, 'notGranted'> }
  reference: string
  /** Of the failed call, oldest first. */
  writes: readonly UpstreamWrite[]
  /** Sets off a text that is not this server's from a colon before it, by a space or in a paragraph of its own. */
  quote(text: string): string
}

/**
 * Describes in plain words what went wrong and what to do, for a model that will act on it, and whether Sentry was or may
 * have been changed. The text consists of this server's sentences and of error messages of Sentry's API, without
 * credentials. An operator finds the log entry by `reference`.
 */
export function describeFailure(error: unknown, context: FailureContext): ToolFailure {
  const { text, outcome } = describeKnown(error, context) ?? {
    outcome: 'unexpected',
    text: `The tool failed for a reason that this server did not foresee. Try again once; if it fails again, tell the user to give the operator of this Sentry MCP server the reference ${context.reference}.`,
  }
  const note = outcome === 'sentry_unreadable' ? '' : describeWrites(context.writes)
  return { text: redactResult(text + note), outcome }
}

/** Says what the user would have to allow for a tool. */
export function explainMissingGrant({ tool, scope, skills }: MissingGrant): string {
  const needs = [
    ...(skills.length > 0 ? [`the skill ${skills.join(' or ')}`] : []),
    ...(scope.length > 0 ? [`the permission ${scope.join(', ')}`] : []),
  ]
  return `The tool ${tool} needs ${needs.join(' and ')}, which the user has not allowed. Ask the user to authorize this MCP server again in their client and to allow it there.`
}

function describeKnown(error: unknown, context: FailureContext): ToolFailure | undefined {
  const { core, call, writes, quote } = context
  if (error instanceof SignInRequiredError) {
    return {
      outcome: 'sign_in_required',
      text: "The user's sign-in at Sentry has ended. The user has to authorize this MCP server again in their client; until then no tool can reach Sentry.",
    }
  }
  const limited = findCause(error, TooManyRequestsError)
  if (limited !== undefined) {
    const text = `This server runs AI-powered tools only so often for one user. Try again in ${limited.retryAfterSeconds} seconds, or use a tool that needs no AI.`
    return { outcome: 'rate_limited', text }
  }
  if (error instanceof AgentError) return describeAgentError(error, context)
  if (error instanceof ToolRefusedError) {
    const missing = error.aliases.map((name) => call.variant.notGranted.get(name)).find(Boolean)
    if (missing !== undefined) return { outcome: 'not_granted', text: explainMissingGrant(missing) }
    const shortcoming = error.aliases
      .map((name) => call.compatibility?.describeMissingTool(name))
      .find(Boolean)
    if (shortcoming !== undefined) return { outcome: 'sentry_lacks_feature', text: shortcoming }
    const text = `This needs another tool, and ${error.aliases[0]} is not available here: the operator of this server turned it off, this release of Sentry cannot serve it, or the connection is limited to a part of Sentry that does not have it. Other arguments will not help.`
    return { outcome: 'disabled', text }
  }
  const busy = findCause(error, UpstreamBusyError)
  if (busy !== undefined) return { outcome: 'busy', text: busy.message }
  const outside = findCause(error, OutOfReachError)
  if (outside !== undefined) {
    const text = `${outside.message} What is beyond that cannot be reached; other arguments for the same thing will not help.`
    return { outcome: 'out_of_reach', text }
  }
  const upstream = findCause(error, ToolFetchError)
  if (upstream !== undefined) {
    const outcome = upstream instanceof ToolFetchTimeoutError ? 'timeout' : 'unreachable'
    return { outcome, text: upstream.message }
  }
  if (error instanceof core.UserInputError && isForeignRegion(error.message, call.args)) {
    return {
      outcome: 'not_configured',
      text: 'The organization is in a region of Sentry that this server does not know. No argument changes that: the operator of this Sentry MCP server has to update it.',
    }
  }
  if (error instanceof core.UserInputError) {
    const text = `The input cannot be used:${quote(error.message)}\n\nCorrect it and call the tool again.`
    return { outcome: 'invalid_arguments', text }
  }
  const refusal = findCause(error, core.ApiError)
  if (refusal !== undefined) return describeRefusal(refusal, context)
  if (isUnreadable(error)) {
    const accepted = writes.find(isAccepted)
    const text =
      accepted === undefined
        ? 'Sentry answered in a form that this server cannot read. A proxy or a maintenance page may stand between them, or this release of Sentry does not have what the tool needs.'
        : `Sentry accepted the change (HTTP ${accepted.status}), but answered in a form that this server cannot read. Do not repeat the call: look in Sentry first.`
    return { outcome: 'sentry_unreadable', text }
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
      text: PROVIDER_FAILED,
    }
  }
  return undefined
}

/** Whether mcp-core refuses a region that the organization has, and no argument names. */
function isForeignRegion(message: string, args: Record<string, unknown>): boolean {
  const region = /^Invalid regionUrl(?: provided)?: (\S+?)\. /.exec(message)?.[1]
  return region !== undefined && !JSON.stringify(args).includes(region)
}

/** The failure of the model behind `use_sentry`, with the calls that it had made by then. */
function describeAgentError({ cause, calls, advice }: AgentError, context: FailureContext): ToolFailure {
  const known = describeKnown(cause, context)
  const { text, outcome } =
    known === undefined || known.outcome === 'invalid_arguments'
      ? { outcome: 'provider_failed' as const, text: PROVIDER_FAILED }
      : known
  return { outcome, text: `${text}\n\n${context.quote(calls).trimStart()}\n\n${advice}` }
}

function describeRefusal(error: SentryApiError, { core, call, writes, quote }: FailureContext): ToolFailure {
  const { status } = error
  // A sentence of this server in place of a response, and complete: other arguments do not help.
  if (call.shortcoming !== undefined && error.message === call.shortcoming) {
    return { outcome: 'sentry_lacks_feature', text: call.shortcoming }
  }
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
  if (status === 403 && call.caller.limitation !== undefined) {
    return { outcome: 'sentry_403', text: call.caller.limitation }
  }
  if (status === 403) {
    const text = `Sentry does not allow this (HTTP 403):${detail}\n\nThe user's role, or the permissions they granted to this connection, do not cover it. Trying again will not help.`
    return { outcome: 'sentry_403', text }
  }
  if (status === 404) {
    const text = `Sentry found nothing there (HTTP 404):${detail}\n\nCheck the organization, project and identifier. What the user may not see is not found either.`
    return { outcome: 'sentry_404', text }
  }
  if (status === 429) {
    const wait = call.retryAfterSeconds === undefined ? 'about a minute' : `${call.retryAfterSeconds} seconds`
    const text = `Sentry takes no more requests just now (HTTP 429). Wait ${wait}, then call the tool again.`
    return { outcome: 'sentry_429', text }
  }
  if (status === 410) {
    const text = `Sentry no longer has this (HTTP 410):${detail}\n\nOther arguments and another try will not help.`
    return { outcome: 'sentry_4xx', text }
  }
  if (status === 501) {
    const text = `This Sentry does not offer what the tool needs (HTTP 501):${detail}\n\nTrying again will not help.`
    return { outcome: 'sentry_5xx', text }
  }
  if (error instanceof core.ApiClientError) {
    const text = `Sentry did not accept the request${status === undefined ? '' : ` (HTTP ${status})`}:${detail}\n\nChange the arguments and call the tool again.`
    return { outcome: 'sentry_4xx', text }
  }
  const wait = call.retryAfterSeconds === undefined ? 'in a moment' : `in ${call.retryAfterSeconds} seconds`
  const advice = writes.some(isUncertain)
    ? ''
    : ` Try again ${wait}; if it goes on, Sentry itself has a problem.`
  const text = `Sentry could not answer (HTTP ${status}).${advice}`
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
export function findCause<Wanted extends Error>(
  error: unknown,
  wanted: new (...args: never[]) => Wanted,
): Wanted | undefined {
  let cause = error
  for (let depth = 0; depth < 6 && cause instanceof Error; depth += 1) {
    if (cause instanceof wanted) return cause
    cause = cause.cause
  }
  return undefined
}
