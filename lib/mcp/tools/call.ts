import type { CallToolResult } from '@modelcontextprotocol/server'
import type { ToolCallRecorder } from '../../telemetry/tool-calls.ts'
import type { SentryLocation } from '../../upstream/location.ts'
import { runUpstreamCall, type UpstreamCall, type UpstreamTimeouts } from '../../upstream/tool-call.ts'
import { TOKEN_PLACEHOLDER } from '../../upstream/tool-fetch.ts'
import { showHidden } from '../../upstream/visible-text.ts'
import type { CallContext } from '../context.ts'
import { fenceText } from '../core/fence.ts'
import type { McpCore, SentryTool, ToolContext } from '../core/types.ts'
import { isRecord } from '../transport/json-rpc.ts'
import { findTarget, isGateway } from './catalogue.ts'
import { describeFailure } from './errors.ts'
import { finishResult } from './finish-result.ts'
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
  /** Where documentation is searched. */
  mcpUrl: string
  timeouts: UpstreamTimeouts
  calls: ToolCallRecorder
}

/**
 * Calls a tool. Failures are in the result, in words for a model. Rejects only if the client has disconnected, with the
 * reason of `signal`; requests to Sentry are then aborted.
 */
export async function callTool(toolCall: ToolCall, dependencies: ToolDependencies): Promise<CallToolResult> {
  const { core, sentry, timeouts } = dependencies
  const { tool, args, signal, reference } = toolCall
  const call: ToolCall & UpstreamCall = { ...toolCall, sentry, timeouts }
  // Until Sentry has responded, an error cannot repeat what is in Sentry.
  const isQuotable = () => !showsOutsideData(readTarget(call).tool) || call.hasRead !== true
  const quote = (text: string) => (isQuotable() ? text : `\n\n${fenceText(showHidden(text))}`)
  const describe = (error: unknown) =>
    describeFailure(call.signInRequired ?? error, { core, call, reference, quote })
  const record = <Result>(names: { tool: string; via?: string }, work: () => Promise<Result>) =>
    dependencies.calls.record({ ...call, ...names }, work, (error) => describe(error).outcome)
  const context: ToolContext = {
    ...createContext(call, dependencies),
    callTool: (inner, params) =>
      record({ tool: inner.name, via: tool.name }, () => runHandler(core, inner, params, context)),
  }
  try {
    return await record(readNames(call), async () => {
      const work = runUpstreamCall(call, () => runHandler(core, tool, args, context))
      const output = await rejectOnAbort(work, signal)
      // A tool may ignore the refusal of Sentry, and would hide that no other call can succeed either.
      if (call.signInRequired !== undefined) throw call.signInRequired
      return finishResult(toResult(output), { ...readTarget(call), sentry, hasRead: call.hasRead === true })
    })
  } catch (error) {
    signal.throwIfAborted()
    return { content: [{ type: 'text', text: describe(error).text }], isError: true }
  }
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
  return tool.handler(core.prepareToolParams({ tool, params: args, context }), context)
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
  { caller, variant, reportProgress }: ToolCall,
  { sentry, mcpUrl }: ToolDependencies,
): Omit<ToolContext, 'callTool'> {
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
