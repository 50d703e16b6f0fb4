import type { CallToolResult } from '@modelcontextprotocol/server'
import type { SentryLocation } from '../../upstream/location.ts'
import { fenceText } from '../core/fence.ts'
import { showsOutsideData } from './outside-data.ts'
import { fitStructure, fitText, MAX_RESULT_BYTES } from './result-size.ts'

export interface ResultOrigin {
  /** The tool that gathered the data; for a tool that executes another, the other one. */
  tool: string
  /** Sentry has responded to the call; until then a result has nothing from there. */
  hasRead: boolean
  /** The arguments of that tool. */
  args: Record<string, unknown>
  sentry: SentryLocation
}

/**
 * The result as a client gets it. Text of data from outside stands in a fence, and `_meta` labels it, for clients that
 * read structured content, images or files instead; those are unchanged. A text or list that is too long is cut, and the
 * text ends, below the fence, with how much is left out and where the rest is.
 */
export function finishResult(result: CallToolResult, origin: ResultOrigin): CallToolResult {
  const isOutside = origin.hasRead && showsOutsideData(origin.tool)
  const label = isOutside ? { untrusted: true, source: origin.sentry.host } : undefined
  const fitted = fitLists(result)
  const content = fitted.result.content.map((part) => {
    if (part.type !== 'text')
      return label === undefined ? part : { ...part, _meta: { ...part._meta, ...label } }
    const { value, leftOut = fitted.leftOut } = fitText(part.text)
    const text = isOutside ? fenceText(value) : value
    return { ...part, text: leftOut === undefined ? text : `${text}\n\n${describeRest(leftOut, origin)}` }
  })
  const meta = { ...result._meta, ...label }
  return { ...fitted.result, content, ...(Object.keys(meta).length > 0 && { _meta: meta }) }
}

/** Shortens the lists of structured content, and the text that repeats it. */
function fitLists(result: CallToolResult): { result: CallToolResult; leftOut?: string } {
  const { structuredContent } = result
  if (structuredContent === undefined) return { result }
  const { value, leftOut } = fitStructure(structuredContent)
  if (leftOut === undefined) return { result }
  const whole = JSON.stringify(structuredContent, null, 2)
  const content = result.content.map((part) =>
    part.type === 'text' && part.text === whole ? { ...part, text: JSON.stringify(value, null, 2) } : part,
  )
  return { result: { ...result, content, structuredContent: value }, leftOut }
}

/** A sentence of this server about what a client does not get. Its only parts from elsewhere are checked arguments. */
function describeRest(leftOut: string, origin: ResultOrigin): string {
  return `Left out: ${leftOut}, because the result is longer than ${MAX_RESULT_BYTES / 1024} KB. A narrower query, a shorter period or a lower limit shows the rest; so does Sentry: ${createAddress(origin)}`
}

/** The page in Sentry of what the arguments name. */
function createAddress({ args, sentry: { origin } }: ResultOrigin): string {
  const { organizationSlug, issueId, traceId } = args
  if (!isPathPart(organizationSlug)) return `${origin}/`
  const page = isPathPart(issueId)
    ? `issues/${issueId}/`
    : isPathPart(traceId)
      ? `traces/trace/${traceId}/`
      : ''
  return `${origin}/organizations/${organizationSlug}/${page}`
}

/** Whether an argument is an id or slug by its grammar, which may stand in an address. */
function isPathPart(argument: unknown): argument is string {
  return typeof argument === 'string' && /^[A-Za-z0-9][\w-]{0,99}$/.test(argument)
}
