import { LRUCache } from 'lru-cache'
import type { McpCore, SentryTool, ToolNames, ToolRegistry } from '../core/types.ts'
import { isRecord } from '../transport/json-rpc.ts'
import { describeTool, type ListedTool } from './describe.ts'
import { createExecuteTool, createReadTool, createSearchTool, EXECUTE_TOOL, READ_TOOL } from './gateways.ts'
import { describeHints } from './hints.ts'
import { type Authority, CATALOGUE_TOOLS, type ToolPolicy } from './policy.ts'
import { withoutRegion } from './single-region.ts'
import { createUseSentryTool } from './use-sentry.ts'

/** A service has a handful of variants, one for each choice that its users make at consent. */
const MAX_VARIANTS = 64

/** Addresses can narrow in more ways than that, so their variants are in a cache of their own. */
const MAX_NARROWED_VARIANTS = 64

/** The tools of all callers with the same authority. */
export interface ToolVariant extends ToolNames {
  /** The tools that these callers may use, by name. */
  tools: ReadonlyMap<string, SentryTool>
  /** The tools that their users could still allow, by name. */
  notGranted: ReadonlyMap<string, MissingGrant>
  grantedSkills: ReadonlySet<string>
  /** The name of today of a tool that a call names, which may be a former one. */
  findCurrentName(name: string): string
  /** The tools in the response to `tools/list`. */
  list: readonly ListedTool[]
  /** The same as JSON, open at the end so that more can follow: `{"tools":[…]`. */
  listJson: Buffer
}

/** What the user would have to allow for a tool: all of `scope` and, unless it is empty, one of `skills`. */
export interface MissingGrant {
  tool: string
  scope: readonly string[]
  skills: readonly string[]
}

export interface ToolCatalogue {
  findVariant(caller: Authority): ToolVariant
  /** Whether a tool has this name, for any caller. */
  isTool(name: string): boolean
}

export interface ToolCatalogueOptions {
  core: McpCore
  tools: ToolRegistry
  policy: ToolPolicy
  /** Whether Sentry is sentry.io, where organizations live in regions. */
  isCloud: boolean
}

/**
 * The tools of all callers. They depend on skills, scopes, capabilities and on which constraints are set, but neither on
 * the values of the constraints nor on the user. Converting Zod schemas to JSON takes milliseconds, so it happens once
 * for each variant.
 */
export function createToolCatalogue({ core, tools, policy, isCloud }: ToolCatalogueOptions): ToolCatalogue {
  const ordinary = new LRUCache<string, ToolVariant>({ max: MAX_VARIANTS })
  const narrowed = new LRUCache<string, ToolVariant>({ max: MAX_NARROWED_VARIANTS })
  const registry: ToolRegistry = isCloud
    ? tools
    : Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, withoutRegion(tool)]))

  let missing = policy.listMissingTools()

  function findVariant(caller: Authority): ToolVariant {
    if (missing !== policy.listMissingTools()) {
      missing = policy.listMissingTools()
      ordinary.clear()
      narrowed.clear()
    }
    const variants = caller.narrowing === undefined ? ordinary : narrowed
    const key = createKey(caller)
    const variant = variants.get(key) ?? buildVariant(caller)
    variants.set(key, variant)
    return variant
  }

  function buildVariant(caller: Authority): ToolVariant {
    const decisions = Object.keys(registry).map((name) => ({ name, ...policy.decide(name, caller) }))
    const direct = decisions.filter(({ decision }) => decision === 'listed').map(({ name }) => name)
    const available = decisions.filter(({ decision }) => decision === 'available').map(({ name }) => name)
    const notGranted = decisions
      .filter((found) => found.decision === 'not_granted')
      .map(({ name, scope, skills }) => [name, { tool: name, scope, skills }] as const)
    const names: ToolNames = {
      availableToolNames: new Set([...direct, ...available]),
      directToolNames: new Set(direct),
    }
    const allowed = collectTools(names)
    const list = policy.sortNames(direct).flatMap((name) => {
      const tool = allowed.get(name)
      if (tool === undefined) return []
      const described = describeTool(core, tool, { ...names, constraints: caller.constraints })
      return [{ ...described, _meta: describeHints(name, allowed) }]
    })
    return {
      ...names,
      tools: allowed,
      notGranted: new Map(notGranted),
      grantedSkills: policy.filterSkills(caller.skills, caller.narrowing),
      findCurrentName: policy.findCurrentName,
      list,
      listJson: Buffer.from(JSON.stringify({ tools: list }).slice(0, -1)),
    }
  }

  function collectTools({ availableToolNames: names, directToolNames }: ToolNames): Map<string, SentryTool> {
    const direct = Object.entries(registry).filter(
      ([name]) => names.has(name) && !CATALOGUE_TOOLS.includes(name),
    )
    const findable = Object.fromEntries(direct)
    const isReadOnly = direct.every(([, tool]) => tool.annotations.readOnlyHint)
    const allowed = new Map(direct)
    const add = (tool: SentryTool) => {
      if (names.has(tool.name)) allowed.set(tool.name, isReadOnly ? markReadOnly(tool) : tool)
    }
    add(createSearchTool(core, () => findable))
    add(createReadTool(core, () => findable))
    add(createExecuteTool(core, () => findable))
    add(createUseSentryTool(core, new Map([...allowed].filter(([name]) => directToolNames.has(name)))))
    return allowed
  }

  return { findVariant, isTool: policy.isKnown }
}

/** Whether a tool executes another one, which it gets by name. */
export function isGateway(name: unknown): boolean {
  return name === EXECUTE_TOOL || name === READ_TOOL
}

/** The name of the tool that a call is for: the one that a gateway executes, or the called one. */
export function findTarget(params: unknown): string | undefined {
  if (!isRecord(params)) return undefined
  const inner = isRecord(params.arguments) ? params.arguments.name : undefined
  const name = isGateway(params.name) && typeof inner === 'string' ? inner.trim() : params.name
  return typeof name === 'string' ? name : undefined
}

/** The parameters of a `tools/call` with the names of today, of the tool and of the one that it executes. */
export function renameCall<Params extends { name: string; arguments?: Record<string, unknown> }>(
  params: Params,
  { findCurrentName }: Pick<ToolVariant, 'findCurrentName'>,
): Params {
  const target = findTarget(params)
  if (!isGateway(params.name) || target === undefined)
    return { ...params, name: findCurrentName(params.name) }
  return { ...params, arguments: { ...params.arguments, name: findCurrentName(target) } }
}

/** What the user would have to allow for the call of a `tools/call`; undefined if that is not what it lacks. */
export function findMissingGrant(params: unknown, variant: ToolVariant): MissingGrant | undefined {
  return variant.notGranted.get(variant.findCurrentName(findTarget(params) ?? ''))
}

/** A tool that only calls other tools changes nothing if they change nothing. */
function markReadOnly(tool: SentryTool): SentryTool {
  return { ...tool, annotations: { ...tool.annotations, readOnlyHint: true, destructiveHint: false } }
}

function createKey({ scope, skills, constraints, narrowing }: Authority): string {
  const { projectCapabilities, ...limits } = constraints
  const set = Object.entries(limits).filter(([, value]) => Boolean(value))
  const has = Object.entries(projectCapabilities ?? { unknown: true }).filter(([, value]) => value)
  const limit = narrowing && [
    [String(narrowing.isReadOnly)],
    narrowing.skills ?? ['*'],
    narrowing.tools ?? ['*'],
  ]
  return [skills, scope, set.map(([name]) => name), has.map(([name]) => name), ...(limit ?? [])]
    .map((names) => [...names].sort().join(' '))
    .join('|')
}
