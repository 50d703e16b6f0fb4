import type { CallToolResult } from '@modelcontextprotocol/server'
import type { McpCore, SentryTool, ToolNames, ToolRegistry } from '../core/types.ts'
import { isRecord } from '../transport/json-rpc.ts'

/** Calls a tool that need not be listed. */
export const EXECUTE_TOOL = 'execute_sentry_tool'

/** The same for tools that change nothing, so that a client can let it through without asking its user. */
export const READ_TOOL = 'read_sentry_tool'

/** A call through mcp-core's one gateway, as its hints and descriptions write it. */
const HINTED_CALL = /\bexecute_sentry_tool(?=\(name='(\w+)')/g

/** A tool of mcp-core that changes something, for an example. */
const WRITING_EXAMPLE = 'add_team_to_project'

const EXECUTE_DESCRIPTION = `Execute a Sentry tool that changes something, found with search_sentry_tools.

Use this tool when you need to:
- Call a Sentry operation returned by search_sentry_tools
- Change something for which no tool is listed. Tools that only read need read_sentry_tool

<examples>
execute_sentry_tool(name='${WRITING_EXAMPLE}', arguments={ organizationSlug: 'my-org', projectSlug: 'my-project', teamSlug: 'my-team' })
</examples>

<hints>
- Use search_sentry_tools first if you are not sure which name or arguments to pass.
- Arguments are validated against the target tool's schema before execution.
- Active organization, project, and region constraints are injected automatically.
</hints>`

const READ_DESCRIPTION = `Execute a Sentry tool that only reads, found with search_sentry_tools.

Use this tool for every tool whose annotations say that it is read-only. It refuses tools that change something: those need execute_sentry_tool.

<examples>
read_sentry_tool(name='get_issue_activity', arguments={ organizationSlug: 'my-org', issueId: 'PROJECT-1' })
</examples>

<hints>
- Arguments are checked against the schema of the tool.
- Active constraints are added automatically.
</hints>`

/** `search_sentry_tools`, for the tools among `getTools`. */
export function createSearchTool(core: McpCore, getTools: () => ToolRegistry): SentryTool {
  const tool = core.createSearchToolsTool(getTools)
  return {
    ...tool,
    handler: async (params, context) => hintReading(await tool.handler(params, context), core.tools, context),
  }
}

/** `execute_sentry_tool`, for the tools among `getTools`. */
export function createExecuteTool(core: McpCore, getTools: () => ToolRegistry): SentryTool {
  const tool = core.createExecuteTool(getTools)
  return {
    ...tool,
    description: ({ availableToolNames: names }) =>
      names.has(READ_TOOL) && names.has(WRITING_EXAMPLE) ? EXECUTE_DESCRIPTION : String(tool.description),
    inputSchema: { ...tool.inputSchema, arguments: createArgumentsSchema(core) },
  }
}

/**
 * The arguments of the executed tool, as an object or as the JSON of one. Gemini and the strict mode of OpenAI let a model
 * fill in only members that the schema names (googleapis/js-genai#708), and no schema can name those of every tool.
 */
function createArgumentsSchema({ z }: McpCore): unknown {
  return z
    .union([
      z.looseObject({}),
      z.string().describe('The same as JSON, for a client that cannot send other members.'),
    ])
    .default({})
    .describe('Arguments for the target tool, matching the schema returned by search_sentry_tools.')
}

/**
 * `read_sentry_tool`: mcp-core's `execute_sentry_tool` for the tools among `getTools` that change nothing. With one name for
 * reading and another for writing, a user can let a client read without being asked (getsentry/sentry-mcp#1254).
 */
export function createReadTool(core: McpCore, getTools: () => ToolRegistry): SentryTool {
  const execute = createExecuteTool(core, () => filterReading(getTools()))
  return {
    ...execute,
    name: READ_TOOL,
    description: READ_DESCRIPTION,
    annotations: { readOnlyHint: true, destructiveHint: false, openWorldHint: true },
    async handler(params, context) {
      const name = String(params.name)
      if (Object.hasOwn(getTools(), name) && !Object.hasOwn(filterReading(getTools()), name)) {
        throw new core.UserInputError(`${name} changes something, so it needs execute_sentry_tool.`)
      }
      return execute.handler(params, context)
    },
  }
}

/**
 * A description, or a value with texts of mcp-core alone, in which calls of tools that change nothing name
 * `read_sentry_tool`, if there is one.
 */
export function hintReading<Value>(
  value: Value,
  tools: ToolRegistry,
  { availableToolNames }: Pick<ToolNames, 'availableToolNames'>,
): Value {
  return availableToolNames.has(READ_TOOL) ? (nameReadTool(value, tools) as Value) : value
}

/** The same for the calls that a result suggests, in its structured content and in its text. */
export function hintReadingNext(
  result: CallToolResult,
  tools: ToolRegistry,
  session: Pick<ToolNames, 'availableToolNames'>,
): CallToolResult {
  const { content, structuredContent } = result
  if (!isRecord(structuredContent) || !Array.isArray(structuredContent.suggestedActions)) return result
  const suggestedActions = hintReading(structuredContent.suggestedActions, tools, session)
  // The text also holds data, in which nothing else is replaced.
  const calls = structuredContent.suggestedActions.flatMap(writeCall)
  const replace = (text: string) =>
    calls.reduce((rest, call) => rest.replaceAll(call, hintReading(call, tools, session)), text)
  return {
    ...result,
    content: content.map((part) => (part.type === 'text' ? { ...part, text: replace(part.text) } : part)),
    structuredContent: { ...structuredContent, suggestedActions },
  }
}

/** The call of an action through the gateway as mcp-core writes it into the text beside it. */
function writeCall(action: unknown): string[] {
  if (!isRecord(action) || action.toolName !== EXECUTE_TOOL || !isRecord(action.arguments)) return []
  const { name, arguments: args } = action.arguments
  return [`${EXECUTE_TOOL}(name='${name}', arguments=${JSON.stringify(args)})`]
}

function nameReadTool(value: unknown, tools: ToolRegistry): unknown {
  const isReading = (name: unknown) =>
    typeof name === 'string' && Object.hasOwn(tools, name) && tools[name]?.annotations.readOnlyHint === true
  if (typeof value === 'string') {
    return value.replaceAll(HINTED_CALL, (gateway, name) => (isReading(name) ? READ_TOOL : gateway))
  }
  if (Array.isArray(value)) return value.map((item) => nameReadTool(item, tools))
  if (!isRecord(value)) return value
  const entries = Object.entries(value).map(([key, item]) => [key, nameReadTool(item, tools)])
  const { toolName, arguments: args } = value
  const isHint = toolName === EXECUTE_TOOL && isRecord(args) && isReading(args.name)
  return { ...Object.fromEntries(entries), ...(isHint && { toolName: READ_TOOL }) }
}

function filterReading(tools: ToolRegistry): ToolRegistry {
  return Object.fromEntries(Object.entries(tools).filter(([, tool]) => tool.annotations.readOnlyHint))
}
