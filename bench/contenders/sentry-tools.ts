import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import type { ToolAnnotations, ToolContext, ToolParams } from '../../lib/mcp/core/types.ts'
import { createUpstreamBudget } from '../../lib/upstream/budget.ts'
import { createSentryLocation } from '../../lib/upstream/location.ts'
import { DEFAULT_TIMEOUTS, runUpstreamCall, type UpstreamCall } from '../../lib/upstream/tool-call.ts'
import { TOKEN_PLACEHOLDER } from '../../lib/upstream/tool-fetch.ts'

/** The tools that this service lists by default, without an AI provider. */
const TOOLS = [
  ...['whoami', 'find_organizations', 'find_teams', 'find_projects', 'find_releases', 'find_dsns'],
  ...['get_issue_details', 'get_trace_details', 'get_event_attachment', 'update_issue', 'create_team'],
  ...['create_project', 'update_project', 'create_dsn', 'search_docs', 'get_doc', 'analyze_issue_with_seer'],
  ...['get_sentry_resource', 'search_sentry_tools', 'execute_sentry_tool'],
]

/** One of Sentry's tools, as a framework registers it. */
export interface ContenderTool {
  name: string
  description: string
  annotations: ToolAnnotations
  /** A Zod schema of all parameters. */
  inputSchema: unknown
  /** Calls the tool with a user's token for Sentry. */
  call(params: ToolParams, accessToken: string): Promise<string>
}

/** Loads the tools that every contender serves, for the Sentry at `host`. */
export async function loadSentryTools(host: string): Promise<ContenderTool[]> {
  const core = await loadMcpCore()
  const names = new Set(Object.keys(core.tools))
  const context: ToolContext = {
    accessToken: TOKEN_PLACEHOLDER,
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
    callTool: () => Promise.reject(new TypeError('Contenders call no tool by another one.')),
    describeError: String,
  }
  return TOOLS.flatMap((name) => {
    const tool = core.tools[name]
    if (tool === undefined) return []
    return [
      {
        name,
        description: typeof tool.description === 'string' ? tool.description : tool.description(context),
        annotations: tool.annotations,
        inputSchema: core.z.object(tool.inputSchema),
        async call(params: ToolParams, accessToken: string) {
          const output = await runUpstreamCall(createCall(host, accessToken), () =>
            tool.handler(params, context),
          )
          return typeof output === 'string' ? output : JSON.stringify(output)
        },
      },
    ]
  })
}

/** mcp-core may send requests only within such a call. */
function createCall(host: string, accessToken: string): UpstreamCall {
  const { signal } = new AbortController()
  return {
    signal,
    sentry: createSentryLocation({ SENTRY_HOST: host, SENTRY_PROTOCOL: 'http' }),
    timeouts: DEFAULT_TIMEOUTS,
    share: createUpstreamBudget().open('user', signal),
    largeFiles: new Map(),
    leftOut: [],
    accessToken,
    caller: { constraints: {}, renewAccessToken: async () => accessToken },
  }
}
