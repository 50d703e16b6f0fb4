/**
 * `npm run test:clients`: clients that are too large to install with the other dependencies. Each is installed into a
 * folder of its own, signs in, lists the tools and calls one. Exits with 1 when one of them fails, and when none can
 * be installed.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Lifetime } from '../support/lifetime.ts'
import { createLifetime } from '../support/lifetime.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { driveAmp } from './amp.ts'
import { driveClaudeCode } from './claude-code.ts'
import { driveCodex } from './codex.ts'
import { driveCopilot } from './copilot.ts'
import { type ClientWork, createDesktop, type Desktop } from './desktop.ts'
import { driveGemini } from './gemini.ts'
import { driveOpencode } from './opencode.ts'
import { driveQwen } from './qwen.ts'

interface LargeClient {
  /** The package and its version. */
  specifier: string
  program: string
  drive(t: Lifetime, desktop: Desktop, program: string, mcpUrl: string): Promise<ClientWork>
}

const CLIENTS: readonly LargeClient[] = [
  { specifier: '@openai/codex@0.169.0', program: 'codex', drive: driveCodex },
  { specifier: '@anthropic-ai/claude-code@2.1.330', program: 'claude', drive: driveClaudeCode },
  { specifier: 'opencode-ai@1.18.33', program: 'opencode', drive: driveOpencode },
  { specifier: '@google/gemini-cli@0.61.0', program: 'gemini', drive: driveGemini },
  { specifier: '@github/copilot@1.0.102', program: 'copilot', drive: driveCopilot },
  { specifier: '@ampcode/cli@0.0.1790142911-g7618fb', program: 'amp', drive: driveAmp },
  { specifier: '@qwen-code/qwen-code@0.24.4', program: 'qwen', drive: driveQwen },
]

/** Some of them have 400 MB. */
const INSTALL_TIMEOUT_MS = 300_000

const runFile = promisify(execFile)

let installed = 0
for (const client of CLIENTS) await tryClient(client)
if (installed === 0) process.exitCode = 1

async function tryClient({ specifier, program, drive }: LargeClient): Promise<void> {
  await using closing = new AsyncDisposableStack()
  const lifetime = createLifetime(closing)
  const folder = await install(lifetime, specifier)
  if (folder === undefined) return
  installed += 1
  try {
    const { url } = await startService(lifetime, { settings: useEmbeddedStore(lifetime) })
    const desktop = createDesktop(lifetime)
    const command = join(folder, 'node_modules', '.bin', program)
    report('ok', specifier, describe(desktop, await drive(lifetime, desktop, command, `${url}/mcp`)))
  } catch (error) {
    report('no', specifier, error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}

/** The folder it is installed in; undefined, with a line of output, when it cannot be installed. */
async function install(t: Lifetime, specifier: string): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'sentry-mcp-client-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', specifier]
  try {
    await runFile('npm', args, { timeout: INSTALL_TIMEOUT_MS })
    return folder
  } catch (error) {
    report('--', specifier, `cannot be installed here: ${(error as Error).message.trim()}`)
    return undefined
  }
}

function describe(desktop: Desktop, work: ClientWork): string {
  const { tools } = work
  const [address] = desktop.listOpened()
  const redirectUri = address?.searchParams.get('redirect_uri')
  if (!redirectUri) throw new Error('It opened no browser.')
  if (!tools.includes('find_organizations')) throw new Error(`It lists only: ${tools.join(', ')}`)
  const summary = `signed in at ${redirectUri}, lists ${tools.length} tools`
  if (!('result' in work)) return summary
  const output = JSON.stringify(work.result) ?? 'nothing'
  if (!output.includes('mara@tidewater.example')) throw new Error(`whoami returned: ${output}`)
  return `${summary}, whoami is right`
}

function report(outcome: 'ok' | 'no' | '--', specifier: string, detail: string): void {
  process.stdout.write(`  ${outcome}  ${specifier.padEnd(36)}${detail}\n`)
}
