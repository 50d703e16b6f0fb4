/**
 * `npm run upstream -- <version>`: compares the mcp-core that package.json pins with another version from the npm
 * registry, which is installed in a folder of its own and removed again. `--write` puts the tools that were renamed
 * into the table of former names.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { VERSION } from '../lib/config/version.ts'
import type { FormerName } from '../lib/mcp/tools/former-names.ts'
import { ROUTE_RULES } from '../test/sandbox/sentry/releases.ts'
import { compareCores } from './compare.ts'
import type { CoreDescription } from './describe.ts'
import { updateFormerNames } from './former-names.ts'
import { formatReport } from './report.ts'

const run = promisify(execFile)
const USAGE = `Usage:
  upstream <version> [--write] [--since <version of this server>]

<version> is a version of @sentry/mcp-server, or a whole specification for npm, such as another package's
<name>@<version> or file:<archive of \`pnpm pack\`>. --since is the version that will have the new names; the next
minor version by default.`
const PACKAGE = '@sentry/mcp-server'
const PINNED = '@sentry/mcp-core'
const TABLE = new URL('../lib/mcp/tools/former-names.json', import.meta.url)
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

const { wanted, isWriting, since } = readArguments()
const folder = mkdtempSync(join(tmpdir(), 'sentry-mcp-upstream-'))
try {
  const before = await describe(fileURLToPath(import.meta.resolve(PINNED)))
  const after = await describe(await install(wanted))
  const comparison = compareCores(before, after)
  process.stdout.write(`${formatReport(before, after, comparison, ROUTE_RULES)}\n`)
  if (isWriting) {
    const table: FormerName[] = JSON.parse(readFileSync(TABLE, 'utf8'))
    const updated = updateFormerNames(table, comparison.renamed, { since, version: VERSION })
    writeFileSync(TABLE, `${JSON.stringify(updated, undefined, 2)}\n`)
    process.stdout.write(`\n${fileURLToPath(TABLE)} has ${updated.length} former names; check them.\n`)
  }
  if (after.shapeError !== undefined) process.exitCode = 1
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Describes a version in a process of its own, whose module state ends with it. */
async function describe(file: string): Promise<CoreDescription> {
  const program = fileURLToPath(new URL('describe.ts', import.meta.url))
  const { stdout } = await run(process.execPath, [program, file], { maxBuffer: MAX_OUTPUT_BYTES })
  return JSON.parse(stdout)
}

/** Installs a package without running its scripts, and returns the path of its module. */
async function install(specification: string): Promise<string> {
  const silence = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']
  // A folder is copied and gets its dependencies, as a package from the registry does.
  const args = ['install', '--prefix', folder, '--ignore-scripts', '--install-links', ...silence]
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  await run('npm', [...args, `compared@${specification}`])
  const manifest = join(folder, 'node_modules/compared/package.json')
  const { exports, main } = JSON.parse(readFileSync(manifest, 'utf8'))
  const entry = exports?.['.']?.default ?? exports?.['.']?.import?.default ?? exports?.['.'] ?? main
  if (typeof entry !== 'string') throw new Error(`${specification} has no module that its manifest names.`)
  return join(dirname(manifest), entry)
}

/** What a program said before it failed, or the message of the error. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'stderr' in error && error.stderr !== '' ? String(error.stderr).trim() : error.message
}

function readArguments(): { wanted: string; isWriting: boolean; since: string } {
  try {
    const { values, positionals } = parseArgs({
      options: { write: { type: 'boolean', default: false }, since: { type: 'string' } },
      allowPositionals: true,
    })
    const [version, ...others] = positionals
    if (version === undefined || others.length > 0) throw new Error('One version is wanted.')
    const isVersion = /^\d+\.\d+\.\d+/.test(version) || /^[a-z]+$/.test(version)
    return {
      wanted: isVersion ? `npm:${PACKAGE}@${version}` : version.includes(':') ? version : `npm:${version}`,
      isWriting: values.write,
      since: values.since ?? nameNextMinor(VERSION),
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${USAGE}\n`)
    process.exit(2)
  }
}

function nameNextMinor(version: string): string {
  const [major, minor] = version.split('.').map(Number)
  return `${major}.${(minor ?? 0) + 1}.0`
}
