import type { Lifetime } from '../support/lifetime.ts'
import type { ClientWork, Desktop } from './desktop.ts'

/** Has Amp's own check of its servers sign in and list the tools. Its models are at its vendor, and need an account. */
export async function driveAmp(
  _t: Lifetime,
  desktop: Desktop,
  amp: string,
  mcpUrl: string,
): Promise<ClientWork> {
  // A key, which it does not look at here, and a display, without which it opens no browser.
  Object.assign(desktop.env, { AMP_API_KEY: 'none', DISPLAY: ':9' })
  await desktop.run(amp, 'mcp', 'add', 'sentry', mcpUrl)
  const output = await desktop.runAtTerminal([], amp, 'mcp', 'doctor')
  const listed = /connected \(\d+ tools: ([^)]+)\)/.exec(output)?.[1] ?? ''
  return { tools: listed.split(', ') }
}
