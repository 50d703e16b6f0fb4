import type { FastifyBaseLogger } from 'fastify'
import type { Config } from '../config/load.ts'
import type { ToolCallRecorder } from '../telemetry/tool-calls.ts'
import { DEFAULT_TIMEOUTS, type UpstreamTimeouts } from '../upstream/tool-call.ts'
import { type AgentProviderSettings, configureAgentProvider } from './core/agent-provider.ts'
import { loadMcpCore } from './core/load.ts'
import { routeMcpCoreLogs } from './core/log.ts'
import type { McpCore, ToolRegistry } from './core/types.ts'
import { createToolCatalogue } from './tools/catalogue.ts'
import { createToolPolicy, type ToolSettings } from './tools/policy.ts'
import { createUseSentryTool, USE_SENTRY } from './tools/use-sentry.ts'
import { createMcpEndpoint, type McpEndpoint, type McpEndpointOptions } from './transport/endpoint.ts'

export type McpSettings = ToolSettings &
  AgentProviderSettings &
  Pick<Config, 'SENTRY_HOST' | 'SENTRY_PROTOCOL' | 'MCP_URL'>

export interface McpOptions extends Pick<McpEndpointOptions, 'challengeScope' | 'timing'> {
  settings: McpSettings
  /** The version that clients are told. */
  version: string
  log: FastifyBaseLogger
  /** Is told of every call. */
  calls: ToolCallRecorder
  /** Other tools than Sentry's. */
  tools?: ToolRegistry
  timeouts?: UpstreamTimeouts
}

/**
 * The MCP endpoint as the settings want it, with Sentry's own tools. Loading them takes most of a second. Throws
 * `McpCoreShapeError`, or `UnknownToolError` when DISABLED_TOOLS does not make sense.
 */
export async function openMcp({
  settings,
  version,
  log,
  calls,
  ...options
}: McpOptions): Promise<McpEndpoint> {
  const core = await loadMcpCore()
  routeMcpCoreLogs(core, log)
  const { tools = listOwnTools(core), timeouts = DEFAULT_TIMEOUTS } = options
  const hasAgentProvider = configureAgentProvider(core, settings)
  const { SENTRY_HOST: sentryHost, SENTRY_PROTOCOL: sentryProtocol } = settings
  const sentry = {
    origin: new URL(`${sentryProtocol}://${sentryHost}`).origin,
    isCloud: core.isSentryHost(sentryHost),
  }
  const policy = createToolPolicy({ core, tools, settings, hasAgentProvider })
  return createMcpEndpoint({
    catalogue: createToolCatalogue({ core, tools, policy, isCloud: sentry.isCloud }),
    environment: { core, sentry, sentryHost, sentryProtocol, mcpUrl: settings.MCP_URL, timeouts, calls },
    serverInfo: { name: 'sentry-mcp', title: 'Sentry', version },
    challengeScope: options.challengeScope,
    timing: options.timing,
  })
}

/** Sentry's tools and ours. What `use_sentry` may use depends on the caller, so the catalogue makes it anew. */
function listOwnTools(core: McpCore): ToolRegistry {
  return { ...core.tools, [USE_SENTRY]: createUseSentryTool(core, new Map()) }
}
