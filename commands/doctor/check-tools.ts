import type { Config } from '../../lib/config/load.ts'
import { configureAgentProvider } from '../../lib/mcp/core/agent-provider.ts'
import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import { createToolPolicy, UnknownToolError } from '../../lib/mcp/tools/policy.ts'
import { createResource } from '../../lib/model/resource.ts'
import { ACTIVE_SKILLS } from '../../lib/model/skills.ts'
import { createReport, type Finding } from './report.ts'

/** Reports the URL for clients, and the number of tools for a user who consents to everything. */
export async function checkTools(settings: Config): Promise<Finding[]> {
  const report = createReport('clients')
  report.ok(`Clients connect to ${createResource(settings.BASE_URL)?.url}.`)
  const core = await loadMcpCore()
  const hasAgentProvider = configureAgentProvider(core, settings)
  try {
    const policy = createToolPolicy({ core, tools: core.tools, settings, hasAgentProvider })
    const everything = {
      scope: new Set(settings.SENTRY_SCOPES),
      skills: new Set<string>(ACTIVE_SKILLS),
      constraints: {},
    }
    const decisions = Object.keys(core.tools).map((name) => policy.decide(name, everything).decision)
    const [listed, searchable] = ['listed', 'available'].map(
      (wanted) => decisions.filter((decision) => decision === wanted).length,
    )
    const access = settings.READ_ONLY ? ', all read-only' : ''
    report.ok(`Clients list ${listed} tools and find ${searchable} more by search${access}.`)
    report.ok(describeSearch(settings, hasAgentProvider))
  } catch (error) {
    if (!(error instanceof UnknownToolError)) throw error
    report.error(error.message, 'Correct DISABLED_TOOLS: the server does not start with it.')
  }
  return report.findings
}

function describeSearch({ DIRECT_SEARCH }: Config, hasAgentProvider: boolean): string {
  if (hasAgentProvider) return 'The search tools accept natural language: an AI provider is configured.'
  if (DIRECT_SEARCH) return "The search tools accept Sentry's query syntax: no AI provider is configured."
  return 'The search tools are disabled: no AI provider is configured, and DIRECT_SEARCH is false.'
}
