import type { McpCore, ToolContext } from '../lib/mcp/core/types.ts'
import { createUpstreamBudget } from '../lib/upstream/budget.ts'
import { createSentryLocation } from '../lib/upstream/location.ts'
import { DEFAULT_TIMEOUTS, type UpstreamCall } from '../lib/upstream/tool-call.ts'

/** The tools that this service lists by default, without an AI provider. */
export const BASELINE_TOOLS = [
  ...['whoami', 'find_organizations', 'find_teams', 'find_projects', 'find_releases', 'find_dsns'],
  ...['get_issue_details', 'get_trace_details', 'get_event_attachment', 'update_issue', 'create_team'],
  ...['create_project', 'update_project', 'create_dsn', 'search_docs', 'get_doc', 'analyze_issue_with_seer'],
  ...['get_sentry_resource', 'search_sentry_tools', 'execute_sentry_tool'],
]

const host = process.env.SENTRY_HOST ?? ''

export function createBaselineContext(core: McpCore, accessToken: string): ToolContext {
  const names = new Set(Object.keys(core.tools))
  return {
    accessToken,
    userId: '1001',
    clientName: 'bench',
    sentryHost: host,
    sentryProtocol: 'http',
    mcpUrl: 'https://mcp.sentry.dev',
    constraints: {},
    grantedSkills: new Set(Object.keys(core.SKILLS)),
    availableToolNames: names,
    directToolNames: names,
    transport: 'http',
    experimentalMode: false,
    reportProgress: () => undefined,
    countAgentRun: async () => undefined,
    callTool: () => Promise.reject(new TypeError('No tool of the baseline calls another one this way.')),
  }
}

/** mcp-core may send requests only within such a call. */
export function createBaselineCall(): UpstreamCall {
  const accessToken = process.env.SENTRY_TOKEN ?? ''
  return {
    signal: new AbortController().signal,
    sentry: createSentryLocation({ SENTRY_HOST: host, SENTRY_PROTOCOL: 'http' }),
    timeouts: DEFAULT_TIMEOUTS,
    share: createUpstreamBudget().open('user', new AbortController().signal),
    largeFiles: new Map(),
    leftOut: [],
    accessToken,
    caller: { constraints: {}, renewAccessToken: async () => accessToken },
  }
}
