import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'
import { MCP_CORE_VERSION } from '../../lib/config/version.ts'
import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import type { CoreDescription } from '../../upstream/describe.ts'

const run = promisify(execFile)
const PROGRAM = fileURLToPath(new URL('../../upstream/describe.ts', import.meta.url))
const PINNED = fileURLToPath(import.meta.resolve('@sentry/mcp-core'))

async function describe(file: string): Promise<CoreDescription> {
  const { stdout } = await run(process.execPath, [PROGRAM, file], { maxBuffer: 64 * 1024 * 1024 })
  return JSON.parse(stdout)
}

test('the pinned version is described as the service loads it', async (t) => {
  const description = await describe(PINNED)
  const core = await loadMcpCore()
  t.equal(description.version, MCP_CORE_VERSION)
  t.equal(description.shapeError, undefined)
  t.same(
    Object.keys(description.tools).sort(),
    Object.values(core.tools)
      .map(({ name }) => name)
      .sort(),
  )
  t.same(description.tools.whoami?.annotations, core.tools.whoami?.annotations)
  t.same(description.surfaces.compact, core.TOP_LEVEL_TOOL_NAMES)
  t.ok(description.requests.includes('GET /organizations/{}/issues/{}/'))
})

test('a version without a part that the service needs is described all the same, and the part is named', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sentry-mcp-core-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const origin = join(dirname(PINNED), '..')
  cpSync(dirname(PINNED), join(folder, 'dist'), { recursive: true, filter: (path) => !path.endsWith('.map') })
  cpSync(join(origin, 'package.json'), join(folder, 'package.json'))
  // The packages of the pinned version, wherever npm put them.
  symlinkSync(join(origin, '../..'), join(folder, 'node_modules'))
  const file = join(folder, 'dist/index.js')
  const source = readFileSync(file, 'utf8')
  writeFileSync(file, source.replaceAll('isExpectedToolError', 'isKnownToolError'))

  const { shapeError, tools } = await describe(file)
  t.match(shapeError, /isExpectedToolError/)
  t.ok(Object.keys(tools).length > 10)
})
