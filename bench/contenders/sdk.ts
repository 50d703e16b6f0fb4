import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer, type StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import { loadSentryTools } from './sentry-tools.ts'

/** The MCP SDK as its documentation shows it: a server for each request, without sign-in, store and limits. */
const token = process.env.SENTRY_TOKEN ?? ''
const tools = await loadSentryTools(process.env.SENTRY_HOST ?? '')

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'sdk', version: '1.0.0' })
  for (const { name, description, annotations, inputSchema, call } of tools) {
    server.registerTool(
      name,
      { description, annotations, inputSchema: inputSchema as StandardSchemaWithJSON },
      async (params) => ({
        content: [{ type: 'text', text: await call(params as Record<string, unknown>, token) }],
      }),
    )
  }
  return server
})

const server = createServer(toNodeHandler(handler))
server.listen(Number(process.env.PORT), '127.0.0.1')
process.once('SIGTERM', () => server.close())
