import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lifetime } from '../support/lifetime.ts'
import type { ClientWork, Desktop } from './desktop.ts'
import { startModel } from './messages-api.ts'

const ENTER = '\r'
const CONTROL_C = '\u0003'
const DOWN = '\u001b[B'

/**
 * Signs Qwen Code in through the dialog of its terminal, which then lists the tools, and has a scripted model call one.
 * Its model is offered the tools only when it searches for them.
 */
export async function driveQwen(
  t: Lifetime,
  desktop: Desktop,
  qwen: string,
  mcpUrl: string,
): Promise<ClientWork> {
  const model = await startModel(t, 'mcp__sentry__whoami')
  Object.assign(desktop.env, {
    ANTHROPIC_API_KEY: 'none',
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_MODEL: 'claude-sonnet-4-5',
  })
  const folder = join(desktop.home, '.qwen')
  mkdirSync(folder)
  const settings = { mcpServers: { sentry: { httpUrl: mcpUrl } } }
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))
  const replies = [
    ['MCP offline', '/mcp'],
    ['> /mcp', ENTER],
    ['Enter to select', ENTER],
    ['› Reconnect', DOWN],
    ['› Disable', DOWN],
    ['› Authenticate', ENTER],
    ['› View tools', ENTER],
    ['find_organizations', CONTROL_C],
    ['again to exit', CONTROL_C],
  ] as const
  const output = await desktop.runAtTerminal(replies, qwen, '--auth-type', 'anthropic')
  const question = ['--yolo', '--prompt', 'Who am I at Sentry?']
  await desktop.run(qwen, '--auth-type', 'anthropic', ...question)
  // The first ten; it shows the rest when one scrolls.
  const listed = output.matchAll(/mcp__sentry__(\w+)/g)
  return { tools: [...new Set([...listed].map(([, name = '']) => name))], result: model.result }
}
