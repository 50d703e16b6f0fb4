import type { Config } from '../../config/load.ts'
import { StartUpError } from '../../errors.ts'
import type { Caller } from '../../model/caller.ts'
import { SKILLS } from '../../model/skills.ts'
import { includeAliases } from '../core/load.ts'
import type { McpCore, SentryTool, ToolRegistry } from '../core/types.ts'
import { coversSentryScope } from './sentry-scope.ts'
import { USE_SENTRY } from './use-sentry.ts'

/** What the standard surface lists, in this order. */
const STANDARD_TOOLS = [
  'whoami',
  'find_organizations',
  'find_teams',
  'find_projects',
  'find_releases',
  'find_dsns',
  'get_issue_details',
  'get_trace_details',
  'get_event_attachment',
  'update_issue',
  'create_team',
  'create_project',
  'update_project',
  'create_dsn',
  'search_events',
  'search_issues',
  'search_issue_events',
  'use_sentry',
  'search_docs',
  'get_doc',
  'analyze_issue_with_seer',
  'get_sentry_resource',
  'search_sentry_tools',
  'execute_sentry_tool',
]

/** They turn plain language into a query, and can also be given the query. */
const SEARCH_TOOLS = ['search_events', 'search_issues', 'search_issue_events']

/** They do nothing themselves: what they lead to is judged tool by tool. */
export const CATALOGUE_TOOLS = ['search_sentry_tools', 'execute_sentry_tool', USE_SENTRY]

export type ToolSettings = Pick<
  Config,
  'TOOL_SURFACE' | 'READ_ONLY' | 'DISABLED_SKILLS' | 'DISABLED_TOOLS' | 'DIRECT_SEARCH' | 'SENTRY_SCOPES'
>

/** What of a caller decides about tools. */
export type Entitlement = Pick<Caller, 'scope' | 'skills' | 'constraints'>

export type Verdict =
  /** The caller may use it and finds it in the list. */
  | { verdict: 'listed' }
  /** The caller may use it and finds it by searching. */
  | { verdict: 'reachable' }
  /** There is no such tool. */
  | { verdict: 'unknown' }
  /** The operator took it away, or it makes no sense within the constraints. Nothing the user does brings it. */
  | { verdict: 'withdrawn' }
  /** The user could still allow it: with these scopes more, and with one of these skills. */
  | { verdict: 'not_granted'; scope: readonly string[]; skills: readonly string[] }

export interface ToolPolicy {
  /** Decides about one tool. Everything that lists, finds or calls tools asks here. */
  judge(name: string, entitlement: Entitlement): Verdict
  /** The skills that the operator leaves of those granted. */
  keepSkills(granted: Iterable<string>): Set<string>
  /** Names in the order in which they are listed. */
  sortNames(names: Iterable<string>): string[]
}

export interface ToolPolicyOptions {
  core: McpCore
  tools: ToolRegistry
  settings: ToolSettings
  /** Whether an AI provider is configured. */
  hasAgentProvider: boolean
}

/** DISABLED_TOOLS names tools that do not exist, so that something meant to be off may be on. */
export class UnknownToolError extends StartUpError {
  constructor(names: readonly string[]) {
    super(`DISABLED_TOOLS should name tools that exist; there is no ${names.join(', no ')}.`)
  }
}

/**
 * Who may use which tool, and which tools are listed. What the operator takes away is gone for everybody; the
 * rest needs one of its skills and all of its Sentry scopes. Throws `UnknownToolError`.
 */
export function createToolPolicy({ core, tools, settings, hasAgentProvider }: ToolPolicyOptions): ToolPolicy {
  const known = new Set([...Object.keys(tools), ...STANDARD_TOOLS])
  const unknown = settings.DISABLED_TOOLS.filter((name) => !known.has(name))
  if (unknown.length > 0) throw new UnknownToolError(unknown)

  const disabled = includeAliases(tools, settings.DISABLED_TOOLS)
  const order = listNames(settings.TOOL_SURFACE, core, tools)
  const listed = new Set(order)

  function judge(name: string, entitlement: Entitlement): Verdict {
    const tool = Object.hasOwn(tools, name) ? tools[name] : undefined
    if (tool === undefined) return { verdict: 'unknown' }
    if (isWithdrawn(tool) || !fitsConstraints(tool, entitlement)) return { verdict: 'withdrawn' }

    const skills = keepSkills(tool.skills)
    const lacksSkill = !tool.skills.some((skill) => skills.has(skill) && entitlement.skills.has(skill))
    const lacking = tool.requiredScopes.filter((scope) => !coversSentryScope(entitlement.scope, scope))
    if (!lacksSkill && lacking.length === 0) return { verdict: listed.has(name) ? 'listed' : 'reachable' }

    const scope = lacking.map(findGrantableScope)
    const isGrantable = scope.every((found) => found !== undefined) && skills.size > 0
    if (!isGrantable) return { verdict: 'withdrawn' }
    return { verdict: 'not_granted', scope, skills: lacksSkill ? [...skills] : [] }
  }

  function isWithdrawn(tool: SentryTool): boolean {
    if (disabled.has(tool.name)) return true
    if (settings.READ_ONLY && !tool.annotations.readOnlyHint && !CATALOGUE_TOOLS.includes(tool.name))
      return true
    if (hasAgentProvider) return false
    if (SEARCH_TOOLS.includes(tool.name)) return !settings.DIRECT_SEARCH
    return tool.name === USE_SENTRY
  }

  /** mcp-core's own rules, asked as if every skill were granted. */
  function fitsConstraints(tool: SentryTool, { constraints }: Entitlement): boolean {
    const context = { constraints, grantedSkills: new Set(tool.skills) }
    const request = {
      tools: { [tool.name]: tool },
      context,
      experimentalMode: false,
      useDefaultSurfacePolicy: false,
    }
    return core.getAvailableTools(request).length > 0
  }

  /** The scope this server may ask Sentry for that covers `required`. */
  function findGrantableScope(required: string): string | undefined {
    if (settings.SENTRY_SCOPES.includes(required)) return required
    return settings.SENTRY_SCOPES.find((scope) => coversSentryScope([scope], required))
  }

  function keepSkills(granted: Iterable<string>): Set<string> {
    return new Set(
      [...granted].filter(
        (skill) => Object.hasOwn(SKILLS, skill) && !settings.DISABLED_SKILLS.includes(skill),
      ),
    )
  }

  function sortNames(names: Iterable<string>): string[] {
    const wanted = new Set(names)
    return order.filter((name) => wanted.has(name))
  }

  return { judge, keepSkills, sortNames }
}

function listNames(surface: ToolSettings['TOOL_SURFACE'], core: McpCore, tools: ToolRegistry): string[] {
  switch (surface) {
    case 'standard':
      return STANDARD_TOOLS
    case 'compact':
      return [...core.TOP_LEVEL_TOOL_NAMES]
    case 'full':
      return Object.keys(tools)
  }
}
