import { registerSecrets } from '../../telemetry/redact.ts'
import type { McpCore } from './types.ts'

/** They convert plain language to a query with an AI provider, and also accept the query itself. */
export const SEARCH_TOOLS = ['search_events', 'search_issues', 'search_issue_events']

/** The settings that mcp-core reads from its environment. */
const ENVIRONMENT = [
  'EMBEDDED_AGENT_PROVIDER',
  'OPENAI_API_KEY',
  'OPENAI_MODEL',
  'OPENAI_API_VERSION',
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_MODEL',
  'OPENROUTER_API_KEY',
  'OPENROUTER_MODEL',
  'OPENROUTER_REASONING_EFFORT',
] as const

export type AgentProviderSettings = Readonly<
  Record<(typeof ENVIRONMENT)[number] | 'OPENAI_BASE_URL' | 'ANTHROPIC_BASE_URL', string | undefined>
>

/**
 * Configures mcp-core's AI provider, for the whole process. Returns whether there is one; without it, the tools that need
 * one are off.
 */
export function configureAgentProvider(core: McpCore, settings: AgentProviderSettings): boolean {
  for (const name of ENVIRONMENT) core.environment[name] = settings[name]
  registerSecrets([settings.OPENAI_API_KEY, settings.ANTHROPIC_API_KEY, settings.OPENROUTER_API_KEY])
  core.setAgentProvider(settings.EMBEDDED_AGENT_PROVIDER)
  core.setProviderBaseUrls({
    openaiBaseUrl: settings.OPENAI_BASE_URL,
    anthropicBaseUrl: settings.ANTHROPIC_BASE_URL,
  })
  return core.hasAgentProvider()
}
