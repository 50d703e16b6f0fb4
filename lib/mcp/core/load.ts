import { registerHooks } from 'node:module'
import { StartUpError } from '../../errors.ts'
import { SEARCH_TOOLS } from './agent-provider.ts'
import type { McpCore, SentryTool, ToolRegistry } from './types.ts'

const PACKAGE = '@sentry/mcp-core'

/** The beginning of the package's program, which reads arguments and starts a server for one user. */
const PROGRAM = '//#region src/index.ts'

/** The imports of the SDK with which the program reports its errors to Sentry's own project. */
const REPORTING_IMPORTS = /^import (?:\* as Sentry|\{ startStdio \}) from "[^"]+";\n/gm

/** The import of the functions with which the library reports through the SDK that its program starts. */
const REPORTING = 'from "@sentry/core";'

/** The server of the program, of an older SDK than ours. */
const SERVER_IMPORT = 'import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";\n'

/** What the wrapper of all tools of embedded agents returns: a result or an error. */
const AGENT_RESULT = 'return { result };'
const AGENT_ERROR = 'return handleAgentToolError(error);'

/**
 * Replaces two globals in the library: `fetch` by ours, and `process` by one whose environment only `agent-provider.ts`
 * fills. Agents get the results of their tools in a fence. The paths are text in the rewritten source, which neither the
 * compiler nor a rename follows.
 */
const PRELUDE = `import { fetchUpstream as fetch } from ${JSON.stringify(new URL('../../upstream/tool-fetch.ts', import.meta.url).href)};
import { fenceAgentResult } from ${JSON.stringify(new URL('./fence.ts', import.meta.url).href)};
const mcpCoreEnvironment = { NODE_ENV: "production" };
const process = { env: mcpCoreEnvironment };
`

/** The names of McpCore's members inside the package. */
const EXPORTS: Record<keyof McpCore, string> = {
  tools: 'tools_default',
  TOP_LEVEL_TOOL_NAMES: 'TOP_LEVEL_TOOL_NAMES',
  SKILLS: 'SKILLS',
  environment: 'mcpCoreEnvironment',
  z: 'z',
  getAvailableTools: 'getAvailableTools',
  getFilteredInputSchema: 'getFilteredInputSchema',
  prepareToolParams: 'prepareToolParams',
  injectConstraintParams: 'injectConstraintParams',
  createSearchToolsTool: 'createSearchToolsTool',
  createExecuteTool: 'createExecuteTool',
  hasAgentProvider: 'hasAgentProvider',
  setAgentProvider: 'setAgentProvider',
  setProviderBaseUrls: 'setProviderBaseUrls',
  getAgentProvider: 'getAgentProvider',
  generateText: 'generateText',
  stepCountIs: 'stepCountIs',
  agentTool: 'agentTool',
  jsonSchema: 'jsonSchema',
  isSentryHost: 'isSentryHost',
  isExpectedToolError: 'isExpectedToolError',
  UserInputError: 'UserInputError',
  ConfigurationError: 'ConfigurationError',
  ApiError: 'ApiError',
  ApiClientError: 'ApiClientError',
  configureSync: 'configureSync',
}

/** The installed package is not the version that this server was written for. */
export class McpCoreShapeError extends StartUpError {
  constructor(cause?: unknown) {
    super(`${PACKAGE} is not built as version 0.39.0 is; install the version that package.json names.`, {
      cause,
    })
  }
}

/** A tool called another one that the caller may not use. */
export class ToolRefusedError extends Error {
  override readonly name = 'ToolRefusedError'
  /** The names of the other tool. */
  readonly aliases: readonly string[]

  constructor(aliases: readonly string[]) {
    super(`The tool ${aliases[0]} is not available in this session.`)
    this.aliases = aliases
  }
}

let loading: Promise<McpCore> | undefined

/**
 * Loads Sentry's tools. mcp-core itself is private to getsentry/sentry-mcp; its published form is the bundled program
 * `@sentry/mcp-server`, which exports nothing. Therefore its module is rewritten while it is loaded: without the
 * program at its end, and with exports. Nothing on disk changes, and no program starts. We know of no upstream issue
 * that asks for a published library. The module, with all its state, exists once in a process. Throws
 * `McpCoreShapeError` if the package does not have the expected shape.
 */
export function loadMcpCore(): Promise<McpCore> {
  loading ??= load()
  return loading
}

async function load(): Promise<McpCore> {
  const address = import.meta.resolve(PACKAGE)
  const hooks = registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      return url === address ? { ...loaded, source: toLibrary(String(loaded.source)) } : loaded
    },
  })
  try {
    const module: unknown = await import(PACKAGE)
    return guardHandlers(module as McpCore)
  } catch (cause) {
    throw cause instanceof McpCoreShapeError ? cause : new McpCoreShapeError(cause)
  } finally {
    hooks.deregister()
  }
}

/** Converts the source of the program to that of a library. Throws `McpCoreShapeError`. */
export function toLibrary(source: string): string {
  const end = source.indexOf(PROGRAM)
  if (end === -1 || source.match(REPORTING_IMPORTS)?.length !== 2) throw new McpCoreShapeError()
  if ([AGENT_RESULT, AGENT_ERROR, REPORTING, SERVER_IMPORT].some((text) => source.split(text).length !== 2))
    throw new McpCoreShapeError()
  const library = source
    .slice(0, end)
    .replace(/^#!.*\n/, '')
    .replaceAll(REPORTING_IMPORTS, '')
    .replace(SERVER_IMPORT, '')
    .replace(REPORTING, `from ${JSON.stringify(new URL('./no-reporting.ts', import.meta.url).href)};`)
    .replaceAll('globalThis.fetch', 'fetch')
    .replace(AGENT_RESULT, 'return { result: fenceAgentResult(result) };')
    .replace(AGENT_ERROR, 'return { error: fenceAgentResult(handleAgentToolError(error).error) };')
  const names = Object.entries(EXPORTS).map(([name, local]) => `${local} as ${name}`)
  return `${PRELUDE}${library}\nexport { ${names.join(', ')} };\n`
}

/**
 * Makes every tool refuse a caller that may not use it. Tools call each other's handlers directly, `get_sentry_resource`
 * those of a dozen others, so a check in front of the called tool alone would not hold. It also counts what the
 * operator pays for. The tools are changed in place,
 * for the whole process. A tool and its alias share a handler before and after.
 */
function guardHandlers(core: McpCore): McpCore {
  for (const [handler, aliases] of Map.groupBy(Object.values(core.tools), (tool) => tool.handler)) {
    const usesAgent = aliases.some(({ name }) => SEARCH_TOOLS.includes(name))
    const guarded: SentryTool['handler'] = async (params, context) => {
      if (!aliases.some((tool) => context.availableToolNames.has(tool.name))) {
        throw new ToolRefusedError(aliases.map(({ name }) => name))
      }
      if (usesAgent && core.hasAgentProvider()) await context.countAgentRun()
      return handler(params, context)
    }
    for (const tool of aliases) Object.assign(tool, { handler: guarded })
  }
  return core
}

/** The names of the tools that share a handler with one of `names`, which they include. */
export function includeAliases(tools: ToolRegistry, names: Iterable<string>): Set<string> {
  const handlers = new Set([...names].map((name) => tools[name]?.handler))
  return new Set(
    Object.values(tools)
      .filter((tool) => handlers.has(tool.handler))
      .map((tool) => tool.name),
  )
}
