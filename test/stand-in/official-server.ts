import { type CallToolResult, Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { ToolCall } from './tool-calls.ts'

export interface OfficialServer {
  /** The result of a call: what went wrong, or undefined. */
  call(tool: ToolCall): Promise<string | undefined>
  /** The result of a call as it is. Rejects with an error of the protocol. */
  request(tool: ToolCall): Promise<CallToolResult>
  close(): Promise<void>
}

/** Sentry's own stdio server, started as the program that its package is, for one Sentry and one access token. */
export async function startOfficialServer(
  host: string,
  accessToken: string,
  docsUrl: string,
): Promise<OfficialServer> {
  const program = new URL(import.meta.resolve('@sentry/mcp-core')).pathname
  const options = [
    `--host=${host}`,
    '--insecure-http',
    `--access-token=${accessToken}`,
    '--all-skills',
    `--mcp-url=${docsUrl}`,
  ]
  // Nothing of the environment: it reads keys of AI providers there, and where to report its own errors.
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [program, ...options],
    env: {},
    stderr: 'ignore',
  })
  const client = new Client({ name: 'stand-in-check', version: '1.0.0' })
  await client.connect(transport)
  const { tools } = await client.listTools()
  const listed = new Set(tools.map(({ name }) => name))

  function request(tool: ToolCall): Promise<CallToolResult> {
    // It lists the tools for common work; the others are called by the one that calls tools.
    return client.callTool(
      listed.has(tool.name) ? tool : { name: 'execute_sentry_tool', arguments: { ...tool } },
    )
  }

  return {
    request,
    async call(tool) {
      const { isError, content } = await request(tool)
      if (isError !== true) return undefined
      const [first] = content
      return first?.type === 'text' ? first.text : 'an error without a text'
    },
    close: () => client.close(),
  }
}
