import { readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { openFileSink } from '../../../lib/telemetry/audit.ts'

const createLog = () => {
  const errors: unknown[] = []
  return { errors, error: (...args: unknown[]) => errors.push(args) }
}

const readLines = (file: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

function open(t: Test, file: string) {
  const log = createLog()
  const sink = openFileSink(file, log as never)
  t.teardown(() => sink.close())
  return { sink, log }
}

test('entries are appended as JSON lines, to a file of this user only', async (t) => {
  const file = join(t.testdir({ 'audit.log': '{"event":"before"}\n' }), 'audit.log')
  const { sink } = open(t, file)
  sink.write({ event: 'one', left_out: undefined, text: 'a\nb' })
  sink.write({ event: 'two' })
  const lines = readLines(file)
  t.match(lines, [
    { event: 'before' },
    { time: Number, audit: true, event: 'one', text: 'a\nb' },
    { event: 'two' },
  ])
  t.notOk('left_out' in (lines[1] ?? {}))

  const fresh = join(t.testdir({}), 'fresh.log')
  open(t, fresh).sink.write({ event: 'one' })
  t.equal(statSync(fresh).mode & 0o777, 0o600)
})

test('after logrotate moved the file, a new one is opened and no entry is lost', async (t) => {
  const directory = t.testdir({})
  const [file, moved] = [join(directory, 'audit.log'), join(directory, 'audit.log.1')]
  const { sink } = open(t, file)
  sink.write({ event: 'one' })
  renameSync(file, moved)
  sink.write({ event: 'two' })
  sink.reopen()
  sink.write({ event: 'three' })
  t.match(readLines(moved), [{ event: 'one' }, { event: 'two' }])
  t.match(readLines(file), [{ event: 'three' }])
})

test('a file that cannot be written fails the start', async (t) => {
  const missing = join(t.testdir({}), 'nowhere', 'audit.log')
  t.throws(() => openFileSink(missing, createLog() as never), {
    name: 'AuditFileError',
    message: /^AUDIT_FILE cannot be written: ENOENT.*nowhere/,
  })
})

test('an entry that cannot be written goes to the log, and the next one is tried again', async (t) => {
  const directory = t.testdir({ logs: {} })
  const file = join(directory, 'logs', 'audit.log')
  const { sink, log } = open(t, file)
  sink.reopen()
  renameSync(join(directory, 'logs'), join(directory, 'gone'))
  t.doesNotThrow(() => sink.write({ event: 'one' }))
  t.match(log.errors, [[{ err: { code: 'ENOENT' }, audit: true, event: 'one' }, /cannot write audit log/]])
  renameSync(join(directory, 'gone'), join(directory, 'logs'))
  sink.write({ event: 'two' })
  t.match(readLines(file).at(-1), { event: 'two' })
  t.equal(log.errors.length, 1)
})

test('a full disk does not throw', { skip: process.platform !== 'linux' }, async (t) => {
  const { sink, log } = open(t, '/dev/full')
  t.doesNotThrow(() => sink.write({ event: 'one' }))
  t.match(log.errors, [[{ err: { code: 'ENOSPC' }, event: 'one' }, String]])
})
