import type { McpCore, SentryTool, ToolRegistry } from '../core/types.ts'
import { READ_TOOL } from './policy.ts'

const DESCRIPTION = `Execute a Sentry tool that only reads, found with search_sentry_tools.

Use this tool for every tool whose annotations say that it is read-only. It refuses tools that change something: those need execute_sentry_tool.

<examples>
read_sentry_tool(name='get_issue_activity', arguments={ organizationSlug: 'my-org', issueId: 'PROJECT-1' })
</examples>

<hints>
- Arguments are checked against the schema of the tool.
- Active constraints are added automatically.
</hints>`

/** `execute_sentry_tool`, for the tools among `getTools`. */
export function createExecuteTool(core: McpCore, getTools: () => ToolRegistry): SentryTool {
  const tool = core.createExecuteTool(getTools)
  return { ...tool, inputSchema: { ...tool.inputSchema, arguments: createArgumentsSchema(core) } }
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
    description: DESCRIPTION,
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

function filterReading(tools: ToolRegistry): ToolRegistry {
  return Object.fromEntries(Object.entries(tools).filter(([, tool]) => tool.annotations.readOnlyHint))
}
