import type { FastifyBaseLogger } from 'fastify'
import type { ToolCallRecorder } from '../telemetry/tool-calls.ts'
import { createUpstreamBudget, type UpstreamBudget } from '../upstream/budget.ts'
import { type Compatibility, createCompatibility } from '../upstream/compatibility/compatibility.ts'
import type { SentryLocation } from '../upstream/location.ts'
import { DEFAULT_TIMEOUTS, type UpstreamTimeouts } from '../upstream/tool-call.ts'
import { type AgentProviderSettings, configureAgentProvider } from './core/agent-provider.ts'
import { loadMcpCore } from './core/load.ts'
import { routeMcpCoreLogs } from './core/log.ts'
import type { McpCore, ToolRegistry } from './core/types.ts'
import { createToolCatalogue } from './tools/catalogue.ts'
import type { FormerNames } from './tools/former-names.ts'
import { createReadTool, READ_TOOL } from './tools/gateways.ts'
import { createToolPolicy, type ToolSettings } from './tools/policy.ts'
import { createUseSentryTool, USE_SENTRY } from './tools/use-sentry.ts'
import { createMcpEndpoint, type McpEndpoint, type McpEndpointOptions } from './transport/endpoint.ts'

export interface McpSettings extends ToolSettings, AgentProviderSettings {
  /** Where documentation is searched. */
  MCP_URL: string
  BASE_URL: string
  SERVER_NAME: string
  SERVER_TITLE: string
}

export interface McpOptions extends Pick<McpEndpointOptions, 'challengeScope' | 'timing'> {
  settings: McpSettings
  sentry: SentryLocation
  /** Of this server, for clients. */
  version: string
  log: FastifyBaseLogger
  calls: ToolCallRecorder
  /** Replaces Sentry's tools. */
  tools?: ToolRegistry
  /** Replaces the former names of tools. */
  formerNames?: FormerNames
  timeouts?: UpstreamTimeouts
  budget?: UpstreamBudget
  compatibility?: Compatibility
}

/**
 * Creates the MCP endpoint with Sentry's tools. The first call in a process loads them, which takes most of a second.
 * Throws `McpCoreShapeError`, or `UnknownToolError` for DISABLED_TOOLS.
 */
export async function openMcp({
  settings,
  sentry,
  version,
  log,
  calls,
  ...options
}: McpOptions): Promise<McpEndpoint> {
  const core = await loadMcpCore()
  routeMcpCoreLogs(core, log)
  const { tools = listOwnTools(core), timeouts = DEFAULT_TIMEOUTS, budget = createUpstreamBudget() } = options
  const { compatibility = createCompatibility(sentry), formerNames } = options
  const { listMissingTools } = compatibility
  const hasAgentProvider = configureAgentProvider(core, settings)
  const policy = createToolPolicy({
    ...{ core, tools, settings, hasAgentProvider },
    ...{ formerNames, listMissingTools },
  })
  return createMcpEndpoint({
    catalogue: createToolCatalogue({ core, tools, policy, isCloud: sentry.isCloud }),
    dependencies: { core, sentry, compatibility, mcpUrl: settings.MCP_URL, timeouts, budget, calls },
    serverInfo: {
      name: settings.SERVER_NAME,
      title: settings.SERVER_TITLE,
      version,
      // An address, since every response of 2026-07-28 has these fields.
      icons: [{ src: `${settings.BASE_URL}/icon.png`, mimeType: 'image/png', sizes: ['96x96'] }],
      websiteUrl: settings.BASE_URL,
    },
    challengeScope: options.challengeScope,
    timing: options.timing,
  })
}

/** Sentry's tools and ours. The catalogue replaces those that call other tools by ones for the tools of the caller. */
function listOwnTools(core: McpCore): ToolRegistry {
  return {
    ...core.tools,
    [READ_TOOL]: createReadTool(core, () => core.tools),
    [USE_SENTRY]: createUseSentryTool(core, new Map()),
  }
}
