import { registerHooks } from 'node:module'
import { StartUpError } from '../../errors.ts'
import type { McpCore, SentryTool, ToolRegistry } from './types.ts'

const PACKAGE = '@sentry/mcp-core'

/** Where the package's own program begins, which reads arguments and starts a server for one user. */
const PROGRAM = '//#region src/index.ts'

/** What only the program imports of the SDK by which it reports its own faults to a project of Sentry's. */
const REPORTING = /^import (?:\* as Sentry|\{ startStdio \}) from "[^"]+";\n/gm

/** What the library part is given in place of the globals it uses: our `fetch`, and an environment of its own. */
const PRELUDE = `import { fetchUpstream as fetch } from ${JSON.stringify(new URL('../../upstream/tool-fetch.ts', import.meta.url).href)};
const mcpCoreEnvironment = { NODE_ENV: "production" };
const process = { env: mcpCoreEnvironment };
`

const EXPORTS: Record<keyof McpCore, string> = {
  tools: 'tools_default',
  TOP_LEVEL_TOOL_NAMES: 'TOP_LEVEL_TOOL_NAMES',
  SKILLS: 'SKILLS',
  environment: 'mcpCoreEnvironment',
  z: 'z',
  getAvailableTools: 'getAvailableTools',
  getFilteredInputSchema: 'getFilteredInputSchema',
  prepareToolParams: 'prepareToolParams',
  createSearchToolsTool: 'createSearchToolsTool',
  createExecuteTool: 'createExecuteTool',
  hasAgentProvider: 'hasAgentProvider',
  setAgentProvider: 'setAgentProvider',
  setProviderBaseUrls: 'setProviderBaseUrls',
  callEmbeddedAgent: 'callEmbeddedAgent',
  agentTool: 'agentTool',
  isSentryHost: 'isSentryHost',
  isExpectedToolError: 'isExpectedToolError',
  UserInputError: 'UserInputError',
  ConfigurationError: 'ConfigurationError',
  ApiError: 'ApiError',
  ApiClientError: 'ApiClientError',
  configureSync: 'configureSync',
}

/** The installed package is not the one that this server was written for. */
export class McpCoreShapeError extends StartUpError {
  constructor(cause?: unknown) {
    super(`${PACKAGE} is not built as version 0.39.0 is; install the version that package.json names.`, {
      cause,
    })
  }
}

let loading: Promise<McpCore> | undefined

/**
 * Sentry's tools, out of the program they are published in: its module is loaded without the program at its end,
 * and exports what that program would have used. Nothing on disk changes and nothing is started. A process loads
 * it once. Throws `McpCoreShapeError`.
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
      return url === address ? { ...loaded, source: openSource(String(loaded.source)) } : loaded
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

/** The source of a library, made of the source of the program. Throws `McpCoreShapeError`. */
export function openSource(source: string): string {
  const end = source.indexOf(PROGRAM)
  if (end === -1 || source.match(REPORTING)?.length !== 2) throw new McpCoreShapeError()
  const library = source
    .slice(0, end)
    .replace(/^#!.*\n/, '')
    .replaceAll(REPORTING, '')
    .replaceAll('globalThis.fetch', 'fetch')
  const names = Object.entries(EXPORTS).map(([name, local]) => `${local} as ${name}`)
  return `${PRELUDE}${library}\nexport { ${names.join(', ')} };\n`
}

/**
 * Makes every tool ask first whether the session has it. Tools call each other as well, `get_sentry_resource` a
 * dozen of them, and what is taken away must not be reached that way either. A tool and its alias share a handler
 * before and after.
 */
function guardHandlers(core: McpCore): McpCore {
  for (const [handler, sharing] of Map.groupBy(Object.values(core.tools), (tool) => tool.handler)) {
    const guarded: SentryTool['handler'] = async (params, context) => {
      if (!sharing.some((tool) => context.availableToolNames.has(tool.name))) {
        throw new core.UserInputError(`The tool ${sharing[0]?.name} is not available in this session.`)
      }
      return handler(params, context)
    }
    for (const tool of sharing) Object.assign(tool, { handler: guarded })
  }
  return core
}

/** The names of all tools that do what one of `names` does, under whatever name. */
export function includeAliases(tools: ToolRegistry, names: Iterable<string>): Set<string> {
  const handlers = new Set([...names].map((name) => tools[name]?.handler))
  return new Set(
    Object.values(tools)
      .filter((tool) => handlers.has(tool.handler))
      .map((tool) => tool.name),
  )
}
