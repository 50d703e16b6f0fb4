import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { parseBackupArguments } from '../../commands/backup.ts'
import { createEmbeddedStore } from '../../lib/store/sqlite/store.ts'
import { makeActiveGrant, makeGrant } from '../lib/store/store-samples.ts'
import { SETTINGS, spawnCommand } from '../support/command.ts'

const MINUTE = 60_000

test('a backup is taken and restored while the service runs, which sees the records at once', async (t) => {
  const parent = t.testdir({})
  const directory = join(parent, 'data')
  const file = join(parent, 'copy.sqlite')
  const settings = { ...SETTINGS, STORE: 'embedded', DATA_DIR: directory }
  const store = createEmbeddedStore({ directory })
  t.teardown(() => store.close())
  const { grant: kept } = await makeActiveGrant(store)
  const { grant: ended } = await makeActiveGrant(store)

  const saved = await spawnCommand('backup', ['save', file], settings)
  t.match(saved, { code: 0, stdout: /copied to .*copy\.sqlite/, stderr: '' })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(
    await spawnCommand('backup', ['save', file], settings),
    { code: 1, stderr: /EEXIST/ },
    'never over a file',
  )

  const later = makeGrant()
  await store.createGrant(later, MINUTE)
  await store.revokeGrant(kept.id, 'operator_request')
  await store.revokeGrant(ended.id, 'operator_request')
  const asked = await spawnCommand('backup', ['restore', file], settings)
  t.match(asked, { code: 0, stdout: /^Nothing was replaced/ }, 'without a terminal the answer is no')
  t.ok(await store.readGrant(later.id))

  t.match(await spawnCommand('backup', ['restore', file, '--yes'], settings), {
    code: 0,
    stdout: /^0 records/,
  })
  t.equal(await store.readGrant(later.id), undefined)
  t.equal((await store.readGrant(kept.id))?.status, 'revoked', 'what was revoked stays revoked')

  const elsewhere = join(parent, 'other')
  const other = createEmbeddedStore({ directory: elsewhere })
  t.teardown(() => other.close())
  const restored = await spawnCommand('backup', ['restore', file, '--yes'], {
    ...settings,
    DATA_DIR: elsewhere,
  })
  t.match(restored, { code: 0, stdout: /^2 records/ })
  t.match(await other.readGrant(kept.id), { status: 'active', subject: kept.subject })
})

test('a file that is not a backup of this server is refused, and changes nothing', async (t) => {
  const directory = join(
    t.testdir({ text: 'this is not a database, at any length'.repeat(100), empty: '' }),
    'data',
  )
  const settings = { ...SETTINGS, STORE: 'embedded', DATA_DIR: directory }
  const store = createEmbeddedStore({ directory })
  t.teardown(() => store.close())
  const { grant } = await makeActiveGrant(store)
  for (const [name, reason] of [
    ['missing', /missing does not exist/],
    ['text', /file is not a database/],
    ['empty', /not a database of this server/],
  ] as const) {
    const { code, stderr } = await spawnCommand(
      'backup',
      ['restore', join(directory, '..', name), '--yes'],
      settings,
    )
    t.match({ code, stderr }, { code: 1, stderr: reason }, name)
    t.notMatch(stderr, /^ +at /m, 'without a stack')
  }
  t.ok(await store.readGrant(grant.id))
  t.match(await spawnCommand('backup', ['save', '/tmp/x'], SETTINGS), {
    code: 1,
    stderr: /docs\/operations\.md#backups/,
  })
  for (const args of [[], ['save'], ['copy', 'file'], ['save', 'a', 'b']])
    t.throws(() => parseBackupArguments(args), { name: 'UsageError', message: /Usage:\n {2}backup save/ })
})
