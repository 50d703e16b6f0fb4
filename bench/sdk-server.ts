import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer, type StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import Fastify from 'fastify'
import { loadMcpCore } from '../lib/mcp/core/load.ts'
import type { ToolContext, ToolParams } from '../lib/mcp/core/types.ts'
import { runUpstreamCall } from '../lib/upstream/tool-call.ts'
import { TOKEN_PLACEHOLDER } from '../lib/upstream/tool-fetch.ts'
import { BASELINE_TOOLS, createBaselineCall, createBaselineContext } from './sdk-baseline.ts'

/** The same tools on the SDK as its documentation shows it: a new server for each request, no authentication. */
const core = await loadMcpCore()
const context: ToolContext = createBaselineContext(core, TOKEN_PLACEHOLDER)

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'sdk-baseline', version: '1.0.0' })
  for (const name of BASELINE_TOOLS) {
    const tool = core.tools[name]
    if (tool === undefined) continue
    const description = typeof tool.description === 'string' ? tool.description : tool.description(context)
    server.registerTool(
      name,
      {
        description,
        inputSchema: core.z.object(tool.inputSchema) as StandardSchemaWithJSON,
        annotations: tool.annotations,
      },
      async (params) => {
        const output = await runUpstreamCall(createBaselineCall(), () =>
          tool.handler(params as ToolParams, context),
        )
        return {
          content: [{ type: 'text', text: typeof output === 'string' ? output : JSON.stringify(output) }],
        }
      },
    )
  }
  return server
})

const node = toNodeHandler(handler)
const app = Fastify()
app.post('/mcp', async (request, reply) => {
  reply.hijack()
  await node(request.raw, reply.raw, request.body)
})
await app.listen({ port: Number(process.env.PORT), host: 'localhost' })
process.once('SIGTERM', () => app.close())
