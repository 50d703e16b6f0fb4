import { StartUpError } from '../../errors.ts'
import type { Caller, Narrowing } from '../../model/caller.ts'
import { coversSentryScope } from '../../model/scope.ts'
import { SKILLS } from '../../model/skills.ts'
import { SEARCH_TOOLS } from '../core/agent-provider.ts'
import { includeAliases } from '../core/load.ts'
import type { McpCore, SentryTool, ToolRegistry } from '../core/types.ts'
import { FORMER_NAMES, type FormerNames, findCurrentName } from './former-names.ts'
import { EXECUTE_TOOL, READ_TOOL } from './gateways.ts'
import { USE_SENTRY } from './use-sentry.ts'

/** The tools that the standard surface lists, in this order. */
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
  'read_sentry_tool',
  'execute_sentry_tool',
]

/**
 * The tools that keep to a project. The others show or change what belongs to several projects: traces, snapshots and
 * teams. A tool that a new version brings is not offered there until it stands here.
 */
const PROJECT_TOOLS = new Set([
  ...['whoami', 'search_docs', 'get_doc', USE_SENTRY],
  ...['search_sentry_tools', 'read_sentry_tool', 'execute_sentry_tool'],
  ...['get_sentry_resource', 'search_events', 'search_issues', 'search_issue_events'],
  ...['get_issue_details', 'get_issue_activity', 'get_issue_breadcrumbs', 'get_issue_user_reports'],
  ...['get_issue_tag_values', 'get_event_stacktrace', 'get_event_attachment', 'get_replay_details'],
  ...['get_profile', 'get_profile_details', 'analyze_issue_with_seer', 'update_issue', 'add_issue_note'],
  ...['search_agent_conversations', 'search_ai_conversations'],
  ...['get_agent_conversation_details', 'get_ai_conversation_details'],
  ...['find_releases', 'get_release_details', 'find_dashboards', 'get_dashboard_details'],
  ...['find_monitors', 'get_monitor_details', 'find_alert_rules', 'get_alert_rule'],
  ...['find_uptime_monitors', 'get_uptime_monitor_details'],
  ...['create_uptime_monitor', 'update_uptime_monitor', 'delete_uptime_monitor'],
  ...['update_project', 'add_team_to_project', 'remove_team_from_project'],
  ...['find_dsns', 'create_dsn', 'update_dsn'],
])

/** They only find or call other tools, each of which the policy decides about. */
export const CATALOGUE_TOOLS = ['search_sentry_tools', READ_TOOL, EXECUTE_TOOL, USE_SENTRY]

/** Tools whose whole work is another tool: without that one they have no use. A test compares them with mcp-core. */
export const WORK_OF_OTHERS: Readonly<Record<string, string>> = { get_span_details: 'get_trace_details' }

export interface ToolSettings {
  TOOL_SURFACE: 'standard' | 'compact' | 'full'
  READ_ONLY: boolean
  DISABLED_SKILLS: readonly string[]
  DISABLED_TOOLS: readonly string[]
  DIRECT_SEARCH: boolean
  SENTRY_SCOPES: readonly string[]
}

/** The part of a caller that decides which tools it may use. */
export type Authority = Pick<Caller, 'scope' | 'skills' | 'constraints' | 'narrowing'>

export type Decision =
  /** The caller may use the tool, and `tools/list` shows it. */
  | { decision: 'listed' }
  /** The caller may use the tool, and finds it by searching. */
  | { decision: 'available' }
  /** No tool has this name. */
  | { decision: 'unknown' }
  /** The operator disabled the tool, or constraints or address rule it out. Signing in again cannot change that. */
  | { decision: 'disabled' }
  /** The user could still allow the tool, with all of `scope` and, unless it is empty, one of `skills`. */
  | { decision: 'not_granted'; scope: readonly string[]; skills: readonly string[] }

export interface ToolPolicy {
  /** The tools that cannot work at this release of Sentry; the same object until the release changes. */
  listMissingTools(): ReadonlySet<string>
  /** Decides about one tool, for the list, for searches and for calls alike. */
  decide(name: string, authority: Authority): Decision
  /** The granted skills that neither the operator has disabled nor the address leaves out. */
  filterSkills(granted: Iterable<string>, narrowing?: Narrowing): Set<string>
  /** The name of today of a tool that a call names, which may be a former one. */
  findCurrentName(name: string): string
  /** Whether a tool has this name. */
  isKnown(name: string): boolean
  /** The listed ones of these names, in the order of the list. */
  sortNames(names: Iterable<string>): string[]
}

export interface ToolPolicyOptions {
  core: McpCore
  tools: ToolRegistry
  settings: ToolSettings
  /** Whether an AI provider is configured. */
  hasAgentProvider: boolean
  /** Names that settings and calls may have in place of those of today. */
  formerNames?: FormerNames
  /** The tools that cannot work at this release of Sentry; none without it. Those of the standard list stay on offer. */
  listMissingTools?: () => ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

/** DISABLED_TOOLS names tools that do not exist, so a tool that should be off may be on. */
export class UnknownToolError extends StartUpError {
  constructor(names: readonly string[]) {
    super(`DISABLED_TOOLS should name tools that exist; there is no ${names.join(', no ')}.`)
  }
}

/**
 * Decides which tools a caller may use and which are listed. A tool that the operator has not disabled needs one of its
 * skills and all of its Sentry scopes. Throws `UnknownToolError`.
 */
export function createToolPolicy({
  core,
  tools,
  settings,
  hasAgentProvider,
  formerNames = FORMER_NAMES,
  listMissingTools = () => NONE,
}: ToolPolicyOptions): ToolPolicy {
  const known = new Set([...Object.keys(tools), ...STANDARD_TOOLS])
  const findCurrent = (name: string) => findCurrentName(name, known, formerNames)
  const named = settings.DISABLED_TOOLS.map(findCurrent)
  const unknown = named.filter((name) => !known.has(name))
  if (unknown.length > 0) throw new UnknownToolError(unknown)

  const disabled = includeAliases(tools, named)
  for (const [name, other] of Object.entries(WORK_OF_OTHERS)) if (disabled.has(other)) disabled.add(name)
  const order = listNames(settings.TOOL_SURFACE, core, tools)
  const listed = new Set(order)

  function decide(name: string, authority: Authority): Decision {
    const tool = Object.hasOwn(tools, name) ? tools[name] : undefined
    if (tool === undefined) return { decision: 'unknown' }
    if (isDisabled(tool) || isLeftOut(tool, authority) || !fitsConstraints(tool, authority))
      return { decision: 'disabled' }

    const skills = filterSkills(tool.skills, authority.narrowing)
    const lacksSkill = !tool.skills.some((skill) => skills.has(skill) && authority.skills.has(skill))
    const lacking = tool.requiredScopes.filter((scope) => !coversSentryScope(authority.scope, scope))
    if (!lacksSkill && lacking.length === 0) return { decision: listed.has(name) ? 'listed' : 'available' }

    const scope = lacking.map(findGrantableScope)
    const isGrantable = scope.every((found) => found !== undefined) && skills.size > 0
    if (!isGrantable) return { decision: 'disabled' }
    return { decision: 'not_granted', scope, skills: lacksSkill ? [...skills] : [] }
  }

  function isDisabled(tool: SentryTool): boolean {
    if (disabled.has(tool.name)) return true
    if (listMissingTools().has(tool.name) && !STANDARD_TOOLS.includes(tool.name)) return true
    if (settings.READ_ONLY && isWriting(tool)) return true
    if (hasAgentProvider) return false
    if (SEARCH_TOOLS.includes(tool.name)) return !settings.DIRECT_SEARCH
    return tool.name === USE_SENTRY
  }

  function isLeftOut(tool: SentryTool, { narrowing }: Authority): boolean {
    if (narrowing === undefined) return false
    return (narrowing.isReadOnly && isWriting(tool)) || narrowing.tools?.has(tool.name) === false
  }

  /** By mcp-core's own rules, as if every skill were granted, and by ours for projects. */
  function fitsConstraints(tool: SentryTool, { constraints }: Authority): boolean {
    if (constraints.projectSlug !== undefined && !PROJECT_TOOLS.has(tool.name)) return false
    const context = { constraints, grantedSkills: new Set(tool.skills) }
    const request = {
      tools: { [tool.name]: tool },
      context,
      experimentalMode: false,
      useDefaultSurfacePolicy: false,
    }
    return core.getAvailableTools(request).length > 0
  }

  /** The scope of SENTRY_SCOPES that covers `required`. */
  function findGrantableScope(required: string): string | undefined {
    if (settings.SENTRY_SCOPES.includes(required)) return required
    return settings.SENTRY_SCOPES.find((scope) => coversSentryScope([scope], required))
  }

  function filterSkills(granted: Iterable<string>, narrowing?: Narrowing): Set<string> {
    return new Set(
      [...granted].filter(
        (skill) =>
          Object.hasOwn(SKILLS, skill) &&
          !settings.DISABLED_SKILLS.includes(skill) &&
          narrowing?.skills?.has(skill) !== false,
      ),
    )
  }

  function sortNames(names: Iterable<string>): string[] {
    const wanted = new Set(names)
    return order.filter((name) => wanted.has(name))
  }

  return {
    listMissingTools,
    decide,
    filterSkills,
    findCurrentName: findCurrent,
    sortNames,
    isKnown: (name) => known.has(name),
  }
}

/** Tools that only call others are judged by those. */
function isWriting({ name, annotations }: SentryTool): boolean {
  return !annotations.readOnlyHint && !CATALOGUE_TOOLS.includes(name)
}

function listNames(surface: ToolSettings['TOOL_SURFACE'], core: McpCore, tools: ToolRegistry): string[] {
  switch (surface) {
    case 'standard':
      return STANDARD_TOOLS
    case 'compact':
      return [...core.TOP_LEVEL_TOOL_NAMES].flatMap((name) =>
        name === EXECUTE_TOOL ? [READ_TOOL, name] : [name],
      )
    case 'full':
      return Object.keys(tools)
  }
}
