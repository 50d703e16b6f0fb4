import type { Config } from '../../lib/config/load.ts'
import { configureAgentProvider } from '../../lib/mcp/core/agent-provider.ts'
import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import type { McpSettings } from '../../lib/mcp/open.ts'
import { createToolPolicy, UnknownToolError } from '../../lib/mcp/tools/policy.ts'
import { createResource } from '../../lib/model/resource.ts'
import { ACTIVE_SKILLS } from '../../lib/model/skills.ts'
import { createReport, type Finding } from './report.ts'

type ToolCheckSettings = McpSettings & Pick<Config, 'BASE_URL'>

/** What clients get: the URL to give them, and how many tools a user finds who grants everything. */
export async function checkTools(settings: ToolCheckSettings): Promise<Finding[]> {
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
    const [listed, available] = ['listed', 'available'].map(
      (wanted) => decisions.filter((decision) => decision === wanted).length,
    )
    const access = settings.READ_ONLY ? ', none of which changes anything' : ''
    report.ok(`They list ${listed} tools and find ${available} more by searching${access}.`)
    report.ok(describeSearch(settings, hasAgentProvider))
  } catch (error) {
    if (!(error instanceof UnknownToolError)) throw error
    report.error(error.message, 'The server does not start like this.')
  }
  return report.findings
}

function describeSearch({ DIRECT_SEARCH }: ToolCheckSettings, hasAgentProvider: boolean): string {
  if (hasAgentProvider) return 'The search tools take plain words: an AI provider is set.'
  if (DIRECT_SEARCH) return "The search tools take Sentry's query syntax: no AI provider is set."
  return 'The search tools are off: no AI provider is set, and DIRECT_SEARCH is false.'
}
