/**
 * Describes one version of mcp-core: `node upstream/describe.ts <its index.js>` prints a `CoreDescription` as JSON. A
 * program of its own, because a version keeps state in its module and may fail while it is loaded.
 */
import { readFileSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { toLibrary } from '../lib/mcp/core/load.ts'
import type { McpCore, SentryTool, ToolRegistry } from '../lib/mcp/core/types.ts'
import { createToolPolicy } from '../lib/mcp/tools/policy.ts'
import { listRequests } from './requests.ts'

export interface CoreDescription {
  /** The version in the package's own manifest. */
  version: string
  /** Why the service cannot load this version; undefined if it can. */
  shapeError?: string
  tools: Record<string, ToolDescription>
  /** The names of the skills, by id. */
  skills: Record<string, string>
  /** The names of the tools on each surface, in the order of the list. */
  surfaces: Record<string, string[]>
  requests: string[]
}

export interface ToolDescription {
  description: string
  skills: readonly string[]
  scopes: readonly string[]
  capabilities: readonly string[]
  annotations: Record<string, boolean>
  /** JSON Schemas; `output` is null if the tool has none. */
  input: unknown
  output: unknown
}

/** What a description needs of the module, by the names that it has there. */
const PARTS: Record<string, string> = {
  tools: 'tools_default',
  TOP_LEVEL_TOOL_NAMES: 'TOP_LEVEL_TOOL_NAMES',
  SKILLS: 'SKILLS',
  z: 'z',
}

/** The program at the end of the bundle, which must not start. */
const PROGRAM = '//#region src/index.ts'

type Parts = Partial<Pick<McpCore, 'tools' | 'TOP_LEVEL_TOOL_NAMES' | 'SKILLS' | 'z'>>

/** Describes the version whose module is `file`. What that version does not have is left empty. */
export async function describeCore(file: string): Promise<CoreDescription> {
  const source = readFileSync(file, 'utf8')
  const { version } = JSON.parse(readFileSync(new URL('../package.json', pathToFileURL(file)), 'utf8'))
  const shapeError = await importRewritten(file, 'service', toLibrary).then(() => undefined, readMessage)
  const parts = (await importRewritten(file, 'parts', exposeParts)) as Parts
  const tools = parts.tools ?? {}
  return {
    version,
    ...(shapeError === undefined ? {} : { shapeError }),
    tools: Object.fromEntries(
      Object.values(tools).map((tool) => [tool.name, describeTool(tool, tools, parts, file)]),
    ),
    skills: Object.fromEntries(Object.entries(parts.SKILLS ?? {}).map(([id, { name }]) => [id, name])),
    surfaces: describeSurfaces(parts as McpCore, tools),
    requests: listRequests(source),
  }
}

/** Imports a module with another source. Rejects with what is wrong with that source. */
async function importRewritten(
  file: string,
  name: string,
  rewrite: (source: string) => string,
): Promise<unknown> {
  const address = `${pathToFileURL(file).href}?${name}`
  const hooks = registerHooks({
    load(url, context, nextLoad) {
      if (url !== address) return nextLoad(url, context)
      return { format: 'module', source: rewrite(readFileSync(file, 'utf8')), shortCircuit: true }
    },
  })
  try {
    return await import(address)
  } finally {
    hooks.deregister()
  }
}

/** The bundle as a module that exports those of PARTS that it has; nothing else of its shape matters. */
function exposeParts(source: string): string {
  const end = source.indexOf(PROGRAM)
  if (end === -1) throw new Error(`The bundle has no "${PROGRAM}", so its program cannot be cut off.`)
  const library = source.slice(0, end).replace(/^#!.*\n/, '')
  const names = Object.entries(PARTS).filter(([, local]) => isDeclared(library, local))
  return `${library}\nexport { ${names.map(([name, local]) => `${local} as ${name}`).join(', ')} };\n`
}

function isDeclared(source: string, name: string): boolean {
  const declaration = new RegExp(`^(?:var|let|const|function|class) ${name}\\b`, 'm')
  const imported = new RegExp(`^import \\{[^}]*\\b${name}\\b[^}]*\\} from`, 'm')
  return declaration.test(source) || imported.test(source)
}

function describeTool(tool: SentryTool, tools: ToolRegistry, parts: Parts, file: string): ToolDescription {
  const names = new Set(Object.values(tools).map(({ name }) => name))
  const session = { availableToolNames: names, directToolNames: names, experimentalMode: false }
  const { description, annotations } = tool
  return {
    description: typeof description === 'string' ? description : description(session),
    skills: tool.skills ?? [],
    scopes: tool.requiredScopes ?? [],
    capabilities: tool.requiredCapabilities ?? [],
    annotations: { ...annotations },
    input: toJsonSchema(parts, parts.z?.object(tool.inputSchema), file),
    output: tool.outputSchema === undefined ? null : toJsonSchema(parts, tool.outputSchema, file),
  }
}

/** Versions up to 0.37 have Zod 3, which has no JSON Schema of its own. */
function toJsonSchema({ z }: Parts, schema: object | undefined, file: string): unknown {
  if (schema === undefined) return null
  if (typeof z?.toJSONSchema === 'function')
    return z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input', unrepresentable: 'any' })
  const { zodToJsonSchema } = createRequire(file)('zod-to-json-schema')
  return zodToJsonSchema(schema, { strictUnions: true, $refStrategy: 'none' })
}

function describeSurfaces(core: McpCore, tools: ToolRegistry): Record<string, string[]> {
  const names = Object.values(tools).map(({ name }) => name)
  const list = (surface: 'standard' | 'compact' | 'full') => {
    const settings = {
      TOOL_SURFACE: surface,
      READ_ONLY: false,
      DISABLED_SKILLS: [],
      DISABLED_TOOLS: [],
      DIRECT_SEARCH: true,
      SENTRY_SCOPES: [],
    }
    return createToolPolicy({ core, tools, settings, hasAgentProvider: true }).sortNames(names)
  }
  const hasCompact = core.TOP_LEVEL_TOOL_NAMES !== undefined
  return {
    standard: list('standard'),
    ...(hasCompact ? { compact: list('compact') } : {}),
    full: list('full'),
  }
}

function readMessage(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  return cause instanceof Error ? cause.message : String(cause)
}

if (import.meta.main) {
  const [file = ''] = process.argv.slice(2)
  process.stdout.write(JSON.stringify(await describeCore(file)), () => process.exit())
}
