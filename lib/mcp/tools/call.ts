import type { CallToolResult } from '@modelcontextprotocol/server'
import type { ToolCallRecorder } from '../../telemetry/tool-calls.ts'
import type { UpstreamBudget } from '../../upstream/budget.ts'
import type { Compatibility } from '../../upstream/compatibility/compatibility.ts'
import { describeLargeFile, LargeFileError } from '../../upstream/large-file.ts'
import type { SentryLocation } from '../../upstream/location.ts'
import {
  collectWrites,
  runUpstreamCall,
  type UpstreamCall,
  type UpstreamTimeouts,
  type UpstreamWrite,
} from '../../upstream/tool-call.ts'
import { TOKEN_PLACEHOLDER } from '../../upstream/tool-fetch.ts'
import { showHidden } from '../../upstream/visible-text.ts'
import type { CallContext } from '../context.ts'
import { fenceText } from '../core/fence.ts'
import { ToolRefusedError } from '../core/load.ts'
import type { McpCore, SentryTool, ToolContext } from '../core/types.ts'
import { isRecord } from '../transport/json-rpc.ts'
import { assertArgumentLimits } from './argument-limits.ts'
import { parseParams, prepareArguments } from './arguments.ts'
import { findTarget, isGateway } from './catalogue.ts'
import { describeFailure, findCause } from './errors.ts'
import { finishResult } from './finish-result.ts'
import { hintReadingNext } from './gateways.ts'
import { showsOutsideData } from './outside-data.ts'
import { withoutRegionConstraint } from './single-region.ts'

/** One call of one tool, in the context of its request. */
export interface ToolCall extends CallContext {
  tool: SentryTool
  args: Record<string, unknown>
  reportProgress: ToolContext['reportProgress']
}

/** What every call needs of this installation. */
export interface ToolDependencies {
  core: McpCore
  sentry: SentryLocation
  compatibility?: Compatibility
  /** Where documentation is searched. */
  mcpUrl: string
  timeouts: UpstreamTimeouts
  /** Of all calls of the process. */
  budget: UpstreamBudget
  calls: ToolCallRecorder
}

/**
 * Calls a tool. Failures are in the result, in words for a model. Rejects only if the client has disconnected, with the
 * reason of `signal`; requests to Sentry are then aborted.
 */
export async function callTool(toolCall: ToolCall, dependencies: ToolDependencies): Promise<CallToolResult> {
  const { core, sentry, timeouts, compatibility } = dependencies
  const { tool, args, signal, reference } = toolCall
  const notes = new Set<string>()
  const call: ToolCall & UpstreamCall = {
    ...toolCall,
    sentry,
    timeouts,
    compatibility,
    largeFiles: new Map(),
    leftOut: [],
    notes,
  }
  // Until Sentry has responded, an error cannot repeat what is in Sentry.
  const isQuotable = () => !showsOutsideData(readTarget(call).tool) || call.hasRead !== true
  const quote = (text: string) => (isQuotable() ? ` ${text}` : `\n\n${fenceText(showHidden(text))}`)
  const ownWrites: UpstreamWrite[] = []
  const describe = (error: unknown, writes: readonly UpstreamWrite[] = ownWrites) =>
    describeFailure(call.signInRequired ?? error, { core, call, reference, writes, quote })
  const record = <Result>(names: { tool: string; via?: string }, work: () => Promise<Result>) =>
    dependencies.calls.record({ ...call, ...names }, work, (error) => describe(error).outcome)
  const context: ToolContext = {
    ...createContext(call, dependencies),
    callTool: (inner, params, writes) =>
      record({ tool: inner.name, via: tool.name }, () =>
        collectWrites(writes, () => runHandler(core, inner, prepare(inner, params), context)),
      ),
    describeError: (error, writes) => describe(error, writes).text,
  }
  const prepare = (called: SentryTool, params: unknown) =>
    prepareCall(called, params, { core, context, tools: toolCall.variant.tools, compatibility })
  try {
    return await record(readNames(call), async () => {
      const work = runUpstreamCall(call, () =>
        collectWrites(ownWrites, async () => runHandler(core, tool, prepare(tool, args), context)),
      )
      const output = await rejectOnAbort(work, signal)
      // A tool may ignore the refusal of Sentry, and would hide that no other call can succeed either.
      if (call.signInRequired !== undefined) throw call.signInRequired
      const hasRead = call.hasRead === true
      const hinted = hintReadingNext(toResult(output), core.tools, context)
      const result = addLeftOut(hinted, call)
      return addNotes(finishResult(result, { ...readTarget(call), sentry, hasRead }), notes)
    })
  } catch (error) {
    signal.throwIfAborted()
    return addNotes({ content: [{ type: 'text', text: describe(error).text }], isError: true }, notes)
  }
}

interface Preparation extends Pick<ToolDependencies, 'core' | 'compatibility'> {
  context: ToolContext
  /** Those of the caller. */
  tools: ReadonlyMap<string, SentryTool>
}

/** The arguments of a call within their limits; those of a tool that a gateway executes are prepared as well. */
function prepareCall(
  tool: SentryTool,
  params: unknown,
  { core, context, tools, compatibility }: Preparation,
): Record<string, unknown> {
  const target = findTarget({ name: tool.name, arguments: params }) ?? tool.name
  assertArgumentLimits(params, { tool: target, core })
  const prepared = prepareArguments({ core, tool, context }, params)
  // Some of it may have been JSON until now, here and below.
  assertArgumentLimits(prepared, { tool: target, core })
  const executed = isGateway(tool.name) ? tools.get(target) : undefined
  if (executed === undefined && compatibility?.describeMissingTool(target) !== undefined)
    throw new ToolRefusedError([target])
  if (executed === undefined) return prepared
  const { arguments: given } = prepared
  const inner = given === undefined || (typeof given === 'string' && given.trim() === '') ? {} : given
  const innermost = prepareArguments({ core, tool: executed, context }, inner)
  assertArgumentLimits(innermost, { tool: target, core })
  return { ...prepared, arguments: innermost }
}

/**
 * The one place where a tool's handler runs. The `fetch` that it calls is ours: `fetchUpstream`, which
 * `core/load.ts` puts into mcp-core, finds the call by `runUpstreamCall` and adds the user's token.
 */
async function runHandler(
  core: McpCore,
  tool: SentryTool,
  args: unknown,
  context: ToolContext,
): Promise<unknown> {
  try {
    return await tool.handler(parseParams({ core, tool, context }, args), context)
  } catch (error) {
    const large = findCause(error, LargeFileError)
    if (large === undefined) throw error
    return describeLargeFile(large.file)
  }
}

/** A call through a gateway counts under the name of the tool that it executes. */
function readNames(call: ToolCall): { tool: string; via?: string } {
  const { tool } = readTarget(call)
  return tool === call.tool.name ? { tool } : { tool, via: call.tool.name }
}

/** The tool that does the work, and its arguments: those of the call, or those that it passes on. */
function readTarget({ tool, args, variant }: ToolCall): { tool: string; args: Record<string, unknown> } {
  const target = findTarget({ name: tool.name, arguments: args })
  if (!isGateway(tool.name) || target === undefined || !variant.tools.has(target))
    return { tool: tool.name, args }
  return { tool: target, args: isRecord(args.arguments) ? args.arguments : {} }
}

/** mcp-core caches look-ups in the context, so each call has its own. */
function createContext(
  { caller, variant, reportProgress, countAgentRun }: ToolCall,
  { sentry, mcpUrl }: ToolDependencies,
): Omit<ToolContext, 'callTool' | 'describeError'> {
  const { constraints } = caller
  return {
    accessToken: TOKEN_PLACEHOLDER,
    userId: caller.userId,
    clientName: toHeaderText(caller.clientName),
    sentryHost: sentry.host,
    sentryProtocol: sentry.protocol,
    mcpUrl,
    constraints: sentry.isCloud ? constraints : withoutRegionConstraint(constraints),
    grantedSkills: variant.grantedSkills,
    availableToolNames: variant.availableToolNames,
    directToolNames: variant.directToolNames,
    transport: 'http',
    experimentalMode: false,
    reportProgress,
    countAgentRun,
  }
}

/** mcp-core sends the client's name to Sentry in a header, so it must not contain line breaks. */
function toHeaderText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, ' ')
    .trim()
    .slice(0, 64)
}

/** mcp-core does not know signals: its work continues, and ends at its next request. */
function rejectOnAbort<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Adds the files that a tool did without and does not mention. */
function addLeftOut(result: CallToolResult, { leftOut }: UpstreamCall): CallToolResult {
  const isNamed = (url: string) =>
    result.content.some((part) => part.type === 'text' && part.text.includes(url))
  const missing = leftOut.filter(({ url }) => !isNamed(url))
  return addNotes(result, new Set(missing.map(describeLargeFile)))
}

/** Says in the result what its reader has to know about it, such as that an old Sentry has only a part of the data. */
function addNotes(result: CallToolResult, notes: ReadonlySet<string>): CallToolResult {
  const texts = [...notes].map((text) => ({ type: 'text' as const, text }))
  return notes.size === 0 ? result : { ...result, content: [...result.content, ...texts] }
}

/** Converts the four kinds of output of mcp-core's tools. */
function toResult(output: unknown): CallToolResult {
  if (typeof output === 'string') return { content: [{ type: 'text', text: output }] }
  if (Array.isArray(output)) return { content: output }
  if (typeof output === 'object' && output !== null) {
    if ('content' in output && Array.isArray(output.content)) return output as CallToolResult
    if ('structuredContent' in output && typeof output.structuredContent === 'object') {
      const structuredContent = output.structuredContent as Record<string, unknown>
      // The text is for clients that do not read structured content.
      return {
        content: [{ type: 'text', text: JSON.stringify(structuredContent, null, 2) }],
        structuredContent,
      }
    }
  }
  throw new TypeError('The output of the tool is not a result of MCP.')
}
