import type { McpCore, SentryTool, ToolContext } from '../core/types.ts'

const INTRODUCTION = 'The AI provider behind use_sentry is away, so nothing was done.'

/**
 * What `use_sentry` does without its AI provider: it searches the tools for the words of the request, as
 * `search_sentry_tools` does, so that the client's model goes on with those. Contains no data of Sentry.
 */
export async function searchPlainly(
  core: McpCore,
  tools: ReadonlyMap<string, SentryTool>,
  request: string,
  context: ToolContext,
): Promise<string> {
  const search = core.createSearchToolsTool(() => Object.fromEntries(tools))
  const output = await search.handler({ query: request, limit: 8 }, context)
  const lines = readFound(output).map(
    ({ name, description }) => `- \`${name}\`: ${description.split('\n')[0]}`,
  )
  if (lines.length === 0)
    return `${INTRODUCTION} No tool fits the words of the request; those of the list need no provider.`
  return `${INTRODUCTION} These tools fit the words of the request and can be called without it:\n\n${lines.join('\n')}`
}

function readFound(output: unknown): { name: string; description: string }[] {
  const { structuredContent } = output as {
    structuredContent: { results: { name: string; description: string }[] }
  }
  return structuredContent.results
}
