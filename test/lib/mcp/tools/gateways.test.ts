import tap, { test } from 'tap'
import { loadMcpCore } from '../../../../lib/mcp/core/load.ts'
import { startMcp, type ToolResult } from '../../../support/mcp-service.ts'

const core = await loadMcpCore()
const service = await startMcp(tap, { settings: { DIRECT_SEARCH: 'true' } })

/** The calls through `execute_sentry_tool` that a text of mcp-core or of this server proposes. */
function listProposals(value: unknown): string[] {
  const text = JSON.stringify(value)
  const written = [...text.matchAll(/execute_sentry_tool\(name=\\?['"](\w+)/g)]
  const structured = [...text.matchAll(/"toolName":"execute_sentry_tool","arguments":\{"name":"(\w+)"/g)]
  return [...written, ...structured].map(([, name = '']) => name)
}

const isReading = (name: string) => core.tools[name]?.annotations.readOnlyHint === true

async function listTools(settings: Record<string, string>): Promise<{ name: string }[]> {
  const other = await startMcp(tap, {
    sentry: service.sentry,
    settings: { DIRECT_SEARCH: 'true', ...settings },
  })
  const response = await other.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  const { result } = (await response.json()) as { result: { tools: { name: string }[] } }
  return result.tools
}

// getsentry/sentry-mcp#1254: a client that lets reading through would ask about such a call.
test('what is proposed for reading is read_sentry_tool, in descriptions and schemas of every surface', async (t) => {
  for (const TOOL_SURFACE of ['standard', 'compact', 'full']) {
    const tools = await listTools({ TOOL_SURFACE })
    const proposed = listProposals(tools)
    t.ok(proposed.length > 0, 'execute_sentry_tool has an example')
    t.same(proposed.filter(isReading), [], TOOL_SURFACE)
    t.match(
      JSON.stringify(tools.find(({ name }) => name === 'update_issue')),
      "read_sentry_tool(name='whoami'",
    )
  }
  const reading = await listTools({ READ_ONLY: 'true' })
  t.notMatch(JSON.stringify(reading), /add_team_to_project/, 'no example is a tool that is off')
})

test('without read_sentry_tool, mcp-core’s gateway is proposed for everything', async (t) => {
  const tools = await listTools({ TOOL_SURFACE: 'full', DISABLED_TOOLS: 'read_sentry_tool' })
  t.notMatch(JSON.stringify(tools), 'read_sentry_tool')
  t.ok(listProposals(tools).filter(isReading).length > 0)
})

test('what a result suggests for reading is read_sentry_tool, in structure and text, and data stays as it is', async (t) => {
  const { sentry, call } = await startMcp(t)
  const data = "execute_sentry_tool(name='whoami', arguments={})"
  const spans = sentry.data.organizations.flatMap((organization) => organization.spans)
  const traced = spans.filter(({ traceId }) => traceId === spans[0]?.traceId)
  for (const [index, span] of traced.entries())
    span.tags = { ...span.tags, note: data, 'gen_ai.conversation.id': `it's ${index}` }
  const { organizationSlug, traceId } = { organizationSlug: 'tidewater-books', traceId: spans[0]?.traceId }
  const result = await call('get_trace_details', { organizationSlug, traceId, spanId: traced[0]?.id })
  const actions = result.structuredContent?.suggestedActions
  const suggested = { toolName: 'read_sentry_tool', arguments: { name: 'get_agent_conversation_details' } }
  t.match(actions, [suggested, suggested, suggested])
  const [text = ''] = result.content.map((part) => part.text)
  t.equal(text.match(/read_sentry_tool\(name='get_agent_conversation_details', arguments=/g)?.length, 3)
  t.match(text, data)
  t.same(listProposals(result).filter(isReading), ['whoami'], 'which a stranger wrote')
})

test('descriptions of found tools propose read_sentry_tool for reading', async (t) => {
  const results: ToolResult[] = []
  for (const query of ['update issue assign', 'whoami', 'agent conversation'])
    results.push(await service.call('search_sentry_tools', { query, limit: 20 }))
  t.same(listProposals(results).filter(isReading), [])
  t.match(JSON.stringify(results), /read_sentry_tool\(name='whoami'/)
})
