import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { EmbeddedStoreError } from '../../../../lib/store/sqlite/database.ts'
import { createEmbeddedStore } from '../../../../lib/store/sqlite/store.ts'
import { type Store, StoreUnavailableError } from '../../../../lib/store/store.ts'
import { testStoreContract } from '../store-contract.ts'
import { makeActiveGrant, makeGrant, makeRotation } from '../store-samples.ts'

const MINUTE = 60_000
const STORE_MODULE = new URL('../../../../lib/store/sqlite/store.ts', import.meta.url).href

test('the embedded store keeps the contract', async (t) => {
  await testStoreContract(t, open(t, join(t.testdir(), 'data')))
})

test('folder and files are accessible to this user only', async (t) => {
  const directory = join(t.testdir(), 'deep', 'data')
  await makeActiveGrant(open(t, directory))
  const modes = [directory, ...readdirSync(directory).map((name) => join(directory, name))].map((path) =>
    (statSync(path).mode & 0o777).toString(8),
  )
  t.equal(modes.shift(), '700')
  t.same(new Set(modes), new Set(['600']))
})

test('acknowledged operations are there after a restart', async (t) => {
  const directory = t.testdir()
  const store = createEmbeddedStore({ directory })
  const { grant, refresh } = await makeActiveGrant(store)
  const rotation = makeRotation(refresh)
  await store.rotateRefreshToken(grant.id, rotation)
  await store.close()
  const again = open(t, directory)
  t.match(await again.readGrant(grant.id), { status: 'active', subject: grant.subject })
  t.match(await again.rotateRefreshToken(grant.id, rotation), { outcome: 'repeated' })
})

test('acknowledged operations survive SIGKILL during writes', async (t) => {
  const directory = t.testdir()
  const child = runWith(
    t,
    directory,
    `for (let id = 0; ; id++) {
      await store.createGrant({ ...${JSON.stringify(makeGrant())}, id: String(id) }, ${MINUTE})
      process.stdout.write(id + '\\n')
    }`,
  )
  const acknowledged = await readLines(child, 200)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const store = open(t, directory)
  const grants = await Promise.all(acknowledged.map((id) => store.readGrant(id)))
  t.equal(grants.length, 200)
  t.ok(grants.every((grant) => grant?.status === 'active'))
})

test('a second process is refused while the first one runs, and is told why', async (t) => {
  const directory = t.testdir()
  const child = runWith(t, directory, `console.log('open'); setInterval(() => {}, 1000)`)
  await readLines(child, 1)
  t.throws(() => createEmbeddedStore({ directory }), {
    name: 'EmbeddedStoreError',
    message: /sentry-mcp\.sqlite is in use by another process.*STORE=redis/,
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.ok(open(t, directory), 'a killed process leaves no lock behind')
  t.throws(() => createEmbeddedStore({ directory }), EmbeddedStoreError, 'in the same process too')
  const { stderr, code } = await finish(runWith(t, directory, ''))
  t.equal(code, 1)
  t.match(stderr, /in use by another process/, 'a refused second store has not freed the file')
})

test('a process gets the file when the previous one exits within a second', async (t) => {
  const directory = t.testdir()
  const child = runWith(t, directory, `console.log('open'); setTimeout(() => process.exit(), 300)`)
  await readLines(child, 1)
  t.ok(open(t, directory))
})

test('canary: Node prints no warning about node:sqlite', async (t) => {
  const directory = t.testdir()
  const { stdout, stderr, code } = await finish(runWith(t, directory, 'await store.ping()'))
  t.same({ stdout, stderr, code }, { stdout: '', stderr: '', code: 0 }, 'its timer does not delay the exit')
})

test('a file that cannot be used is refused, with what to do', async (t) => {
  const broken = t.testdir({ 'sentry-mcp.sqlite': 'this is not a database, at any length'.repeat(100) })
  t.throws(() => createEmbeddedStore({ directory: broken }), {
    name: 'EmbeddedStoreError',
    message: /cannot be used: file is not a database/,
  })
  const file = join(broken, 'file')
  writeFileSync(file, '')
  t.throws(() => createEmbeddedStore({ directory: join(file, 'data') }), {
    name: 'EmbeddedStoreError',
    message: /cannot be used: ENOTDIR.*DATA_DIR should be a folder/,
  })
  const foreign = join(broken, 'foreign')
  const store = createEmbeddedStore({ directory: foreign })
  await store.close()
  const database = new DatabaseSync(join(foreign, 'sentry-mcp.sqlite'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  t.throws(() => createEmbeddedStore({ directory: foreign }), {
    name: 'EmbeddedStoreError',
    message: /written by another version/,
  })
})

test('an existing folder keeps its mode', async (t) => {
  const directory = t.testdir()
  chmodSync(directory, 0o750)
  open(t, directory)
  t.equal(statSync(directory).mode & 0o777, 0o750)
})

test('a failing store is unavailable and never empty', async (t) => {
  const store = createEmbeddedStore({ directory: t.testdir() })
  await store.close()
  await t.rejects(store.readGrant('any'), StoreUnavailableError)
  await t.rejects(store.createGrant(makeGrant(), MINUTE), StoreUnavailableError)
  await t.rejects(store.ping(), StoreUnavailableError)
})

test('expired records are removed from the file, at the start and every minute', async (t) => {
  const directory = t.testdir()
  const brief = createEmbeddedStore({ directory })
  await brief.createGrant(makeGrant(), 1)
  await brief.createGrant(makeGrant(), MINUTE * 10)
  await sleep(5)
  await brief.close()
  t.equal(countRecords(directory), 2)
  await createEmbeddedStore({ directory }).close()
  t.equal(countRecords(directory), 1)

  mock.timers.enable({ apis: ['setInterval', 'Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  const store = createEmbeddedStore({ directory })
  await store.createGrant(makeGrant(), 1_000)
  mock.timers.tick(MINUTE)
  await store.close()
  t.equal(countRecords(directory), 1)
})

test('without a grace the predecessor is a reuse even in the same millisecond', async (t) => {
  const store = open(t, t.testdir())
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  const { grant, refresh } = await makeActiveGrant(store)
  const rotation = makeRotation(refresh, { graceMs: 0 })
  t.same(await store.rotateRefreshToken(grant.id, rotation), { outcome: 'rotated' })
  t.same(await store.rotateRefreshToken(grant.id, rotation), { outcome: 'reused' })
})

function open(t: Test, directory: string): Store {
  const store = createEmbeddedStore({ directory })
  t.teardown(() => store.close())
  return store
}

function countRecords(directory: string): unknown {
  const database = new DatabaseSync(join(directory, 'sentry-mcp.sqlite'))
  const row = database.prepare('SELECT count(*) AS count FROM records').get()
  database.close()
  return row?.count
}

/** Another process that opens a store on `directory` and then runs `script`. */
function runWith(t: Test, directory: string, script: string): ChildProcess {
  const program = `
    import { createEmbeddedStore } from ${JSON.stringify(STORE_MODULE)}
    const store = createEmbeddedStore({ directory: ${JSON.stringify(directory)} })
    ${script}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program])
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

async function readLines(child: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = []
  if (child.stdout === null) return lines
  for await (const line of createInterface(child.stdout)) if (lines.push(line) === count) break
  return lines
}

async function finish(child: ChildProcess) {
  const { stdout, stderr } = child
  const exit = once(child, 'exit')
  const output = await Promise.all([stdout, stderr].map((stream) => (stream ? text(stream) : '')))
  const [code] = await exit
  return { stdout: output[0] ?? '', stderr: output[1] ?? '', code }
}
