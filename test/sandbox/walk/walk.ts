import { type Browser, createBrowser } from '../browser/browser.ts'
import type { Report } from './check.ts'
import { createMcpSession, type McpSession } from './mcp-session.ts'
import { callTools, openSession } from './session.ts'
import { type ClientTokens, signInClient } from './sign-in.ts'

export interface WalkOptions {
  onStep?: Report
  browser?: Browser
  clientName?: string
  redirectUri?: string
}

/** A signed-in client with an open session. */
export interface WalkResult extends ClientTokens {
  session: McpSession
  tools: string[]
}

/**
 * Does everything that an MCP client does, from the bare URL of a protected resource to the first tool calls, and checks
 * at each step what a careful client checks. Throws `WalkError`, which names the step and the response.
 */
export async function walk(mcpUrl: string, options: WalkOptions = {}): Promise<WalkResult> {
  const { onStep = () => undefined, clientName: name = 'Walking client' } = options
  const { browser = createBrowser(), redirectUri = 'http://127.0.0.1:33418/callback' } = options
  const tokens = await signInClient(mcpUrl, { name, redirectUri, browser }, onStep)
  const session = createMcpSession(mcpUrl, tokens.accessToken)
  const tools = await openSession(session, name, onStep)
  await callTools(session, tools, onStep)
  return { ...tokens, session, tools }
}
