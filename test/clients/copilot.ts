import type { Lifetime } from '../support/lifetime.ts'
import type { ClientWork, Desktop } from './desktop.ts'
import { startModel } from './messages-api.ts'

const PREFIX = 'sentry-'

/** Has the Copilot CLI sign in when it starts, which it does only at a terminal, and a scripted model call a tool. */
export async function driveCopilot(
  t: Lifetime,
  desktop: Desktop,
  copilot: string,
  mcpUrl: string,
): Promise<ClientWork> {
  const model = await startModel(t, `${PREFIX}whoami`)
  Object.assign(desktop.env, {
    COPILOT_OFFLINE: 'true',
    COPILOT_AUTO_UPDATE: 'false',
    COPILOT_PROVIDER_TYPE: 'anthropic',
    COPILOT_PROVIDER_BASE_URL: model.url,
    COPILOT_PROVIDER_API_KEY: 'none',
    COPILOT_MODEL: 'claude-sonnet-4.5',
  })
  await desktop.run(copilot, 'mcp', 'add', '--transport', 'http', 'sentry', mcpUrl)
  const replies = [
    ['trust the files', '\r'],
    ['1 server connected', 'Who am I at Sentry?'],
    ['at Sentry?', '\r'],
    ['(MCP: sentry)', '/exit'],
    ['/exit', '\r'],
  ] as const
  await desktop.runAtTerminal(replies, copilot, '--allow-all-tools')
  return {
    tools: model.tools.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)),
    result: model.result,
  }
}
