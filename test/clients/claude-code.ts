import type { Lifetime } from '../support/lifetime.ts'
import type { ClientWork, Desktop } from './desktop.ts'
import { startModel } from './messages-api.ts'

const PREFIX = 'mcp__sentry__'

/** Signs Claude Code in and has a scripted model call a tool. */
export async function driveClaudeCode(
  t: Lifetime,
  desktop: Desktop,
  claude: string,
  mcpUrl: string,
): Promise<ClientWork> {
  Object.assign(desktop.env, {
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  })
  await desktop.run(claude, 'mcp', 'add', '--transport', 'http', '--scope', 'user', 'sentry', mcpUrl)
  await desktop.runAtTerminal([], claude, 'mcp', 'login', 'sentry')

  const model = await startModel(t, `${PREFIX}whoami`)
  Object.assign(desktop.env, { ANTHROPIC_API_KEY: 'none', ANTHROPIC_BASE_URL: model.url })
  const format = ['--output-format', 'stream-json', '--verbose', '--allowedTools', `${PREFIX}whoami`]
  const output = await desktop.run(claude, '--print', 'Who am I at Sentry?', ...format)
  const events = output
    .trim()
    .split('\n')
    .map((line): ClaudeEvent => JSON.parse(line))
  const names = events.find(({ subtype }) => subtype === 'init')?.tools ?? []
  return {
    tools: names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)),
    result: events.find(({ type }) => type === 'user')?.tool_use_result,
  }
}

interface ClaudeEvent {
  type: string
  subtype?: string
  tools?: string[]
  tool_use_result?: unknown
}
