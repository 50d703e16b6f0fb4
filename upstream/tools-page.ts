import { MCP_CORE_VERSION } from '../lib/config/version.ts'
import { SEARCH_TOOLS } from '../lib/mcp/core/agent-provider.ts'
import { loadMcpCore } from '../lib/mcp/core/load.ts'
import type { McpCore, SentryTool, ToolRegistry } from '../lib/mcp/core/types.ts'
import { listOwnTools } from '../lib/mcp/open.ts'
import { createToolCatalogue } from '../lib/mcp/tools/catalogue.ts'
import { CATALOGUE_TOOLS, createToolPolicy, type ToolPolicy } from '../lib/mcp/tools/policy.ts'
import { USE_SENTRY } from '../lib/mcp/tools/use-sentry.ts'
import { ACTIVE_SKILLS, SKILLS } from '../lib/model/skills.ts'
import { BYTES_A_TOKEN } from './compare.ts'

const SURFACES = ['standard', 'compact', 'full'] as const

const HEADER = '| Tool | Does | Permission at Sentry | Skill | Listed |\n|---|---|---|---|---|'

/**
 * `docs/tools.md`, from the tools of mcp-core and the rules of this server: what each tool needs, and what the list of
 * each surface costs a model.
 */
export async function renderToolsPage(): Promise<string> {
  const core = await loadMcpCore()
  const tools = listOwnTools(core)
  const policies = new Map(SURFACES.map((surface) => [surface, createPolicy(core, tools, surface)]))
  const rows = Object.values(tools)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map((tool) => renderRow(tool, policies))
  const skills = ACTIVE_SKILLS.map((id) => `| \`${id}\` | ${SKILLS[id].title} | ${SKILLS[id].description} |`)
  const sizes = SURFACES.flatMap((surface) => renderSizes(core, tools, surface))
  return `# Tools

Written by \`npm run docs:tools\` from \`@sentry/mcp-core\` ${MCP_CORE_VERSION}; do not edit.

A caller has a tool when the user granted one of its skills at consent and all of its permissions at Sentry, and the
operator has not removed it (\`READ_ONLY\`, \`DISABLED_SKILLS\`, \`DISABLED_TOOLS\`, [settings](settings.md)). Sentry itself
checks every request of a tool against what its user may do there.

## All tools

*Does*: \`reads\`, \`writes\`, or \`calls others\`, each of which needs its own grant. *Listed*: the surfaces
(\`TOOL_SURFACE\`) whose list shows the tool; with the others, clients find it with \`search_sentry_tools\`.

${[HEADER, ...rows].join('\n')}

\`${USE_SENTRY}\` needs an AI provider; \`${SEARCH_TOOLS.join('`, `')}\` need one or \`DIRECT_SEARCH=true\`.

## Skills

| Skill | On the consent page | |
|---|---|---|
${skills.join('\n')}

## What a list costs

The response to \`tools/list\`, which clients put into the context of a model. Tokens are estimated: one for ${BYTES_A_TOKEN} bytes
of JSON.

| Surface | Granted | Tools | Bytes | Tokens |
|---|---|---|---|---|
${sizes.join('\n')}
`
}

function createPolicy(core: McpCore, tools: ToolRegistry, surface: (typeof SURFACES)[number]): ToolPolicy {
  const settings = {
    TOOL_SURFACE: surface,
    READ_ONLY: false,
    DISABLED_SKILLS: [],
    DISABLED_TOOLS: [],
    DIRECT_SEARCH: true,
    SENTRY_SCOPES: listScopes(tools),
  }
  return createToolPolicy({ core, tools, settings, hasAgentProvider: true })
}

function listScopes(tools: ToolRegistry): string[] {
  return [...new Set(Object.values(tools).flatMap(({ requiredScopes }) => requiredScopes))]
}

function renderRow(tool: SentryTool, policies: ReadonlyMap<string, ToolPolicy>): string {
  const { name, annotations, requiredScopes, skills } = tool
  // mcp-core has another one for documents, which is not active.
  const active = ACTIVE_SKILLS.filter((skill) => skills.includes(skill))
  const listed = [...policies].filter(([, policy]) => policy.sortNames([name]).length > 0)
  const cells = [
    `\`${name}\``,
    CATALOGUE_TOOLS.includes(name) ? 'calls others' : annotations.readOnlyHint ? 'reads' : 'writes',
    renderNames(requiredScopes, 'none'),
    active.length === ACTIVE_SKILLS.length ? 'any' : renderNames(active, 'none'),
    listed.map(([surface]) => surface).join(', '),
  ]
  return `| ${cells.join(' | ')} |`
}

function renderNames(names: readonly string[], otherwise: string): string {
  return names.length === 0 ? otherwise : names.map((name) => `\`${name}\``).join(', ')
}

/** With every skill, and with the one that only reads. */
function renderSizes(core: McpCore, tools: ToolRegistry, surface: (typeof SURFACES)[number]): string[] {
  const policy = createPolicy(core, tools, surface)
  const catalogue = createToolCatalogue({ core, tools, policy, isCloud: false })
  const choices = [
    ['every skill', ACTIVE_SKILLS],
    ['`inspect`', ['inspect']],
  ] as const
  return choices.map(([granted, skills]) => {
    const authority = { scope: new Set(listScopes(tools)), skills: new Set(skills), constraints: {} }
    const { list } = catalogue.findVariant(authority)
    const bytes = Buffer.byteLength(JSON.stringify({ tools: list }))
    const tokens = Math.round(bytes / BYTES_A_TOKEN)
    return `| ${surface} | ${granted} | ${list.length} | ${bytes} | ${tokens} |`
  })
}
