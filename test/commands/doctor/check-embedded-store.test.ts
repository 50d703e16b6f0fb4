import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { checkEmbeddedStore } from '../../../commands/doctor/check-embedded-store.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { createEmbeddedStore } from '../../../lib/store/sqlite/store.ts'
import { createSettings, list } from '../../support/doctor.ts'
import { findFreePort } from '../../support/free-port.ts'
import { startService } from '../../support/service.ts'

const FILE = 'sentry-mcp.sqlite'

test('a missing folder is not created', async (t) => {
  const parent = t.testdir()
  const directory = join(parent, 'not', 'there')
  t.match(list(await check(directory), 'ok'), [new RegExp(`The server will create .*/not/there/${FILE}`)])
  t.same(readdirSync(parent), [])
})

test('a usable file stays as it was', async (t) => {
  const directory = t.testdir()
  await createEmbeddedStore({ directory }).close()
  const { size } = statSync(join(directory, FILE))
  t.match(list(await check(directory), 'ok'), [/sentry-mcp\.sqlite can be read and written/])
  t.same(readdirSync(directory), ['sentry-mcp.lock', FILE])
  t.equal(statSync(join(directory, FILE)).size, size)
})

test('a file in use by the server is ok, one in use by another process is an error', async (t) => {
  const directory = t.testdir()
  const { url } = await startService(t, { settings: { STORE: 'embedded', DATA_DIR: directory } })
  const { port } = new URL(url)
  t.match(list(await check(directory, { PORT: port, HOST: 'localhost' }), 'ok'), [
    /in use by the running server/,
  ])
  const elsewhere = await check(directory, { PORT: String(await findFreePort()) })
  t.match(list(elsewhere, 'error'), [/is in use by another process.* → End the other process/])
})

test('a path that is not a folder, not a database or not writable is an error', async (t) => {
  const directory = t.testdir({
    file: 'text',
    broken: { [FILE]: 'this is not a database, but long enough to be read' },
  })
  t.match(list(await check(join(directory, 'file', 'below')), 'error'), [/\/file is not a folder/])
  t.match(list(await check(join(directory, 'broken')), 'error'), [/cannot be used: file is not a database/])
  await t.test(
    'without the right to write',
    { skip: process.getuid?.() === 0 && 'root may write anywhere' },
    async (t) => {
      chmodSync(directory, 0o500)
      t.match(list(await check(join(directory, 'new')), 'error'), [/cannot be written to/])
      chmodSync(directory, 0o700)
    },
  )
})

test('a folder that other accounts can write to is a warning (CWE-732)', async (t) => {
  const directory = t.testdir()
  await createEmbeddedStore({ directory }).close()
  for (const [mode, isOpen] of [
    [0o777, true],
    [0o770, true],
    [0o755, false],
    [0o700, false],
  ] as const) {
    chmodSync(directory, mode)
    const warnings = list(await check(directory), 'warning')
    t.equal(warnings.length, isOpen ? 1 : 0, mode.toString(8))
    if (isOpen) t.match(warnings, [/has mode 07\d\d: other accounts.* → Run: chmod 700/])
  }
})

function check(DATA_DIR: string, settings: Record<string, string> = {}) {
  const sentry = { host: 'sentry.invalid', clientId: 'id', clientSecret: 'secret' }
  return checkEmbeddedStore(
    loadConfig({ ...createSettings(sentry), STORE: 'embedded', DATA_DIR, ...settings }),
  )
}
