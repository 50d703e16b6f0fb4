import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lifetime } from '../support/lifetime.ts'
import type { ClientWork, Desktop } from './desktop.ts'
import { startModel } from './messages-api.ts'

const PREFIX = 'sentry_'

/** Signs opencode in and has a scripted model call a tool. */
export async function driveOpencode(
  t: Lifetime,
  desktop: Desktop,
  opencode: string,
  mcpUrl: string,
): Promise<ClientWork> {
  const model = await startModel(t, `${PREFIX}whoami`)
  const folder = join(desktop.home, '.config', 'opencode')
  mkdirSync(folder, { recursive: true })
  const config = {
    mcp: { sentry: { type: 'remote', url: mcpUrl } },
    provider: { anthropic: { options: { baseURL: `${model.url}/v1`, apiKey: 'none' } } },
    model: 'anthropic/claude-sonnet-4-5',
    autoupdate: false,
    share: 'disabled',
  }
  writeFileSync(join(folder, 'opencode.json'), JSON.stringify(config))
  Object.assign(desktop.env, { OPENCODE_DISABLE_MODELS_FETCH: 'true', OPENCODE_DISABLE_AUTOUPDATE: 'true' })
  await desktop.run(opencode, 'mcp', 'auth', 'sentry')
  await desktop.run(opencode, 'run', '--format', 'json', 'Who am I at Sentry?')
  return {
    tools: model.tools.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)),
    result: model.result,
  }
}
