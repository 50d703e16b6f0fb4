import type { Constraints } from '../../model/caller.ts'
import type { McpCore, SentryTool, ToolAnnotations, ToolNames, ToolRegistry } from '../core/types.ts'
import { toJsonSchema } from './json-schema.ts'
import { CATALOGUE_TOOLS, type Entitlement, type ToolPolicy, type Verdict } from './policy.ts'
import { withoutRegion } from './single-region.ts'
import { createUseSentryTool } from './use-sentry.ts'

/** How many variants are kept; a service has a handful, one for each choice its users make at consent. */
const MAX_VARIANTS = 64

/** The tools of one kind of caller, made once for all of them. */
export interface ToolVariant extends ToolNames {
  /** Every tool such a caller may use, by name. */
  tools: ReadonlyMap<string, SentryTool>
  grantedSkills: ReadonlySet<string>
  /** What `tools/list` answers. */
  list: readonly ListedTool[]
  /** The same as JSON, open at the end so that more can follow: `{"tools":[…]`. */
  listJson: Buffer
}

/** A tool as `tools/list` shows it; the schemas are JSON Schema 2020-12. */
export interface ListedTool {
  name: string
  description: string
  inputSchema: { type: 'object'; [keyword: string]: unknown }
  outputSchema?: { type: 'object'; [keyword: string]: unknown }
  annotations: ToolAnnotations
}

export interface ToolCatalogue {
  /** The tools of this caller. */
  findVariant(caller: Entitlement): ToolVariant
  /** Why a tool is, or is not, among them. */
  judge(name: string, caller: Entitlement): Verdict
}

export interface ToolCatalogueOptions {
  core: McpCore
  tools: ToolRegistry
  policy: ToolPolicy
  /** Whether Sentry is sentry.io, which has regions. */
  isCloud: boolean
}

/**
 * The tools of all callers. What a list shows depends on skills, scopes, capabilities and on which constraints
 * there are, but neither on their values nor on the user, so that turning Zod schemas into JSON, which costs
 * milliseconds, is done once for each combination.
 */
export function createToolCatalogue({ core, tools, policy, isCloud }: ToolCatalogueOptions): ToolCatalogue {
  const variants = new Map<string, ToolVariant>()
  const registry: ToolRegistry = isCloud
    ? tools
    : Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, withoutRegion(tool)]))

  function findVariant(caller: Entitlement): ToolVariant {
    const key = describeVariant(caller)
    const variant = variants.get(key) ?? buildVariant(caller)
    // Taken out and put in again, the least recently used one stays first.
    variants.delete(key)
    variants.set(key, variant)
    if (variants.size > MAX_VARIANTS) variants.delete(variants.keys().next().value ?? '')
    return variant
  }

  function buildVariant(caller: Entitlement): ToolVariant {
    const verdicts = Object.keys(registry).map((name) => ({ name, ...policy.judge(name, caller) }))
    const direct = verdicts.filter(({ verdict }) => verdict === 'listed').map(({ name }) => name)
    const available = verdicts.filter(({ verdict }) => verdict === 'reachable').map(({ name }) => name)
    const names: ToolNames = {
      availableToolNames: new Set([...direct, ...available]),
      directToolNames: new Set(direct),
    }
    const allowed = collectTools(names)
    const list = policy.sortNames(direct).flatMap((name) => {
      const tool = allowed.get(name)
      return tool === undefined ? [] : [listTool(tool, names, caller.constraints)]
    })
    return {
      ...names,
      tools: allowed,
      grantedSkills: policy.keepSkills(caller.skills),
      list,
      listJson: Buffer.from(JSON.stringify({ tools: list }).slice(0, -1)),
    }
  }

  function collectTools({ availableToolNames: names, directToolNames }: ToolNames): Map<string, SentryTool> {
    const ordinary = Object.entries(registry).filter(
      ([name]) => names.has(name) && !CATALOGUE_TOOLS.includes(name),
    )
    const findable = Object.fromEntries(ordinary)
    const isReadOnly = ordinary.every(([, tool]) => tool.annotations.readOnlyHint)
    const allowed = new Map(ordinary)
    const add = (tool: SentryTool) => {
      if (names.has(tool.name)) allowed.set(tool.name, isReadOnly ? markReadOnly(tool) : tool)
    }
    add(core.createSearchToolsTool(() => findable))
    add(core.createExecuteTool(() => findable))
    add(createUseSentryTool(core, new Map([...allowed].filter(([name]) => directToolNames.has(name)))))
    return allowed
  }

  function listTool(tool: SentryTool, names: ToolNames, constraints: Constraints): ListedTool {
    const { name, description, annotations, outputSchema } = tool
    return {
      name,
      description:
        typeof description === 'string' ? description : description({ ...names, experimentalMode: false }),
      inputSchema: toJsonSchema(core, core.z.object(core.getFilteredInputSchema(tool, { constraints }))),
      ...(outputSchema === undefined ? {} : { outputSchema: toJsonSchema(core, outputSchema) }),
      annotations,
    }
  }

  return { findVariant, judge: policy.judge }
}

/** What leads to other tools changes nothing where none of them does. */
function markReadOnly(tool: SentryTool): SentryTool {
  return { ...tool, annotations: { ...tool.annotations, readOnlyHint: true, destructiveHint: false } }
}

function describeVariant({ scope, skills, constraints }: Entitlement): string {
  const { projectCapabilities, ...limits } = constraints
  const set = Object.entries(limits).filter(([, value]) => Boolean(value))
  const has = Object.entries(projectCapabilities ?? { unknown: true }).filter(([, value]) => value)
  return [skills, scope, set.map(([name]) => name), has.map(([name]) => name)]
    .map((names) => [...names].sort().join(' '))
    .join('|')
}
