import type { CallToolResult } from '@modelcontextprotocol/server'
import type { FastifyBaseLogger } from 'fastify'
import type { Caller } from '../../model/caller.ts'
import type { ToolCallRecorder } from '../../telemetry/tool-calls.ts'
import {
  runUpstreamCall,
  type SentryLocation,
  type UpstreamCall,
  type UpstreamTimeouts,
} from '../../upstream/tool-call.ts'
import { TOKEN_PLACEHOLDER } from '../../upstream/tool-fetch.ts'
import type { McpCore, SentryTool, ToolContext } from '../core/types.ts'
import type { ToolVariant } from './catalogue.ts'
import { describeFailure } from './errors.ts'
import { withoutRegionConstraint } from './single-region.ts'

/** The tool through which those that are not listed are called. */
export const EXECUTE_TOOL = 'execute_sentry_tool'

/** One call of one tool. */
export interface ToolCall {
  tool: SentryTool
  args: Record<string, unknown>
  caller: Caller
  /** Sentry's, of the caller. */
  accessToken: string
  variant: ToolVariant
  /** Ends when the client goes away. */
  signal: AbortSignal
  reportProgress: ToolContext['reportProgress']
  /** What an operator finds the call's log entries by. */
  reference: string
  log: FastifyBaseLogger
}

/** What every call needs to know about this installation. */
export interface ToolEnvironment {
  core: McpCore
  sentry: SentryLocation
  sentryHost: string
  sentryProtocol: 'https' | 'http'
  /** Where documentation is searched. */
  mcpUrl: string
  timeouts: UpstreamTimeouts
  calls: ToolCallRecorder
}

/**
 * Calls a tool for a caller. Whatever goes wrong is in the result, in words for a model; only when the client has
 * gone away it rejects, with the reason of `signal`, and what is under way at Sentry is broken off.
 */
export async function callTool(toolCall: ToolCall, environment: ToolEnvironment): Promise<CallToolResult> {
  const { caller, signal, reference, log } = toolCall
  const { core } = environment
  const call = startUpstreamCall(toolCall, environment)
  const describe = (error: unknown) => describeFailure(error, { core, call, reference })
  const watch: ToolContext['watchCall'] = (names, work) =>
    environment.calls.record({ ...names, caller, signal, log }, work, (error) => describe(error).outcome)
  try {
    return await watch(readNames(toolCall), () => runTool(toolCall, call, watch, environment))
  } catch (error) {
    signal.throwIfAborted()
    return { content: [{ type: 'text', text: describe(error).text }], isError: true }
  }
}

async function runTool(
  toolCall: ToolCall,
  call: UpstreamCall,
  watchCall: ToolContext['watchCall'],
  environment: ToolEnvironment,
): Promise<CallToolResult> {
  const { tool, args, signal } = toolCall
  const context = createContext(toolCall, watchCall, environment)
  const output = await runUpstreamCall(call, () => {
    const params = environment.core.prepareToolParams({ tool, params: args, context })
    return untilAborted(tool.handler(params, context), signal)
  })
  if (call.signInEnded) throw new Error('The sign-in ended during the call.')
  return toResult(output)
}

/** What is executed through the catalogue counts under its own name. */
function readNames({ tool, args, variant }: ToolCall): { tool: string; via?: string } {
  const inner = tool.name === EXECUTE_TOOL && typeof args.name === 'string' ? args.name.trim() : ''
  return variant.tools.has(inner) ? { tool: inner, via: tool.name } : { tool: tool.name }
}

function startUpstreamCall(
  { caller, accessToken, signal }: ToolCall,
  { sentry, timeouts }: ToolEnvironment,
): UpstreamCall {
  return {
    signal,
    sentry,
    timeouts,
    organizationSlug: caller.constraints.organizationSlug,
    accessToken,
    renewAccessToken: () => caller.renewAccessToken(),
    renewal: undefined,
    signInEnded: false,
    demand: undefined,
    retryAfter: undefined,
  }
}

/** mcp-core keeps what it looks up once per context, so that each call has one of its own. */
function createContext(
  toolCall: ToolCall,
  watchCall: ToolContext['watchCall'],
  environment: ToolEnvironment,
): ToolContext {
  const { caller, variant } = toolCall
  const { constraints } = caller
  return {
    accessToken: TOKEN_PLACEHOLDER,
    userId: caller.userId,
    clientName: toHeaderText(caller.clientName),
    sentryHost: environment.sentryHost,
    sentryProtocol: environment.sentryProtocol,
    mcpUrl: environment.mcpUrl,
    constraints: environment.sentry.isCloud ? constraints : withoutRegionConstraint(constraints),
    grantedSkills: variant.grantedSkills,
    availableToolNames: variant.availableToolNames,
    directToolNames: variant.directToolNames,
    transport: 'http',
    experimentalMode: false,
    reportProgress: toolCall.reportProgress,
    watchCall,
  }
}

/** mcp-core sends the name to Sentry in a header, where a client could otherwise put anything. */
function toHeaderText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, ' ')
    .trim()
    .slice(0, 64)
}

/** mcp-core knows nothing of signals: its work is left alone, and without requests soon runs out. */
function untilAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** The four forms in which mcp-core's tools answer. */
function toResult(output: unknown): CallToolResult {
  if (typeof output === 'string') return { content: [{ type: 'text', text: output }] }
  if (Array.isArray(output)) return { content: output }
  if (typeof output === 'object' && output !== null) {
    if ('content' in output && Array.isArray(output.content)) return output as CallToolResult
    if ('structuredContent' in output && typeof output.structuredContent === 'object') {
      const structuredContent = output.structuredContent as Record<string, unknown>
      // For clients that do not read structured content, as its text.
      return {
        content: [{ type: 'text', text: JSON.stringify(structuredContent, null, 2) }],
        structuredContent,
      }
    }
  }
  throw new TypeError('The tool answered in no form that MCP has.')
}
