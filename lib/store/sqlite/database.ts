import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { StartUpError } from '../../errors.ts'

/** The file of the embedded store cannot be used. The message says why and what to do about it. */
export class EmbeddedStoreError extends StartUpError {}

/** Records of several kinds in one table, as JSON. A record whose time has come is not there any more. */
export interface RecordTable<Records extends Record<keyof Records, EndingRecord>> {
  read<Kind extends keyof Records & string>(kind: Kind, id: string): Records[Kind] | undefined
  /** The records of a kind whose `subject` is this one. */
  readSubject<Kind extends keyof Records & string>(kind: Kind, subject: string): Records[Kind][]
  /** Up to 200 records of a kind, by their ids, after the one that `next` of the call before named. */
  scan<Kind extends keyof Records & string>(
    kind: Kind,
    after?: string,
  ): { found: Records[Kind][]; next: string | undefined }
  write<Kind extends keyof Records & string>(kind: Kind, id: string, record: Records[Kind]): void
  remove(kind: keyof Records & string, id: string): void
  /** Removes what has ended. */
  sweep(): void
  /** Runs `work` as one transaction: all of it is on the disk when this returns, or nothing is. */
  transact<Answer>(work: () => Answer): Answer
  close(): void
}

export interface EndingRecord {
  /** When the record ends, in ms since the epoch. */
  endsAt: number
}

/** The name of the file in its folder. */
export const DATABASE_FILE = 'sentry-mcp.sqlite'
const SCHEMA_VERSION = 1
const SCAN_SIZE = 200

/** How long a start waits for a predecessor that is just ending, in ms. */
const LOCK_PATIENCE = 1_000

// EXCLUSIVE makes SQLite keep its lock on the file from the first access to the end of the process, however
// that comes about: the kernel holds it, so nothing stale is ever left. With FULL, what was acknowledged
// survives a power failure.
const OPEN = `
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
`

const SCHEMA = `
CREATE TABLE records (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  record TEXT NOT NULL,
  ends_at INTEGER NOT NULL AS (record ->> 'endsAt'),
  subject TEXT AS (record ->> 'subject'),
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_by_end ON records (ends_at);
CREATE INDEX records_by_subject ON records (kind, subject);
PRAGMA user_version = ${SCHEMA_VERSION};
`

/**
 * Opens the database under `directory` for this process alone and creates both where they are missing, for this
 * user alone. Throws `EmbeddedStoreError` when another process has it, or it cannot be written or read.
 */
export function openRecordTable<Records extends Record<keyof Records, EndingRecord>>(
  directory: string,
): RecordTable<Records> {
  const database = openDatabase(directory)
  const statements = new Map<string, StatementSync>()

  function prepare(sql: string): StatementSync {
    const statement = statements.get(sql) ?? database.prepare(sql)
    statements.set(sql, statement)
    return statement
  }

  function select(condition: string, ...values: SQLInputValue[]) {
    const rows = prepare(`SELECT record FROM records WHERE ${condition} AND ends_at > ?`).all(
      ...values,
      Date.now(),
    )
    return rows.map(({ record }) => JSON.parse(String(record)))
  }

  return {
    read: (kind, id) => select('kind = ? AND id = ?', kind, id)[0],
    readSubject: (kind, subject) => select('kind = ? AND subject = ?', kind, subject),
    scan(kind, after = '') {
      const sql = `SELECT id, record FROM records WHERE kind = ? AND id > ? AND ends_at > ? ORDER BY id LIMIT ${SCAN_SIZE}`
      const rows = prepare(sql).all(kind, after, Date.now())
      const last = rows.length < SCAN_SIZE ? undefined : rows.at(-1)
      return {
        found: rows.map(({ record }) => JSON.parse(String(record))),
        next: last === undefined ? undefined : String(last.id),
      }
    },
    write(kind, id, record) {
      const sql = 'INSERT OR REPLACE INTO records (kind, id, record) VALUES (?, ?, ?)'
      prepare(sql).run(kind, id, JSON.stringify(record))
    },
    remove(kind, id) {
      prepare('DELETE FROM records WHERE kind = ? AND id = ?').run(kind, id)
    },
    sweep() {
      prepare('DELETE FROM records WHERE ends_at <= ?').run(Date.now())
    },
    transact(work) {
      return transact(database, work)
    },
    close() {
      database.close()
    },
  }
}

function transact<Answer>(database: DatabaseSync, work: () => Answer): Answer {
  database.exec('BEGIN IMMEDIATE')
  try {
    const answer = work()
    database.exec('COMMIT')
    return answer
  } catch (error) {
    // Some failures, a full disk among them, have rolled back already.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function openDatabase(directory: string): DatabaseSync {
  const file = join(directory, DATABASE_FILE)
  let database: DatabaseSync | undefined
  try {
    createFile(directory, file)
    database = new (loadSqlite().DatabaseSync)(file, { timeout: LOCK_PATIENCE })
    database.exec(OPEN)
    migrate(database, file)
    return database
  } catch (error) {
    database?.close()
    throw error instanceof EmbeddedStoreError ? error : explain(error, file)
  }
}

function createFile(directory: string, file: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    // An existing file is not opened here: closing it would take away every lock this process has on it
    // (POSIX fcntl).
    if (!hasCode(error, 'EEXIST')) throw error
  }
}

function migrate(database: DatabaseSync, file: string): void {
  transact(database, () => {
    const version = database.prepare('PRAGMA user_version').get()?.user_version
    if (version === 0) database.exec(SCHEMA)
    else if (version !== SCHEMA_VERSION) {
      throw new EmbeddedStoreError(`${file} was written by another version of this server (${version}).`)
    }
  })
}

const SQLITE_BUSY = 5

function explain(error: unknown, file: string): EmbeddedStoreError {
  if (isBusy(error)) {
    return new EmbeddedStoreError(
      `${file} is in use by another process. The embedded store is for one process; several need STORE=redis.`,
      { cause: error },
    )
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new EmbeddedStoreError(
    `${file} cannot be used: ${reason}. DATA_DIR should be a folder on a local disk that this process may write to.`,
    { cause: error },
  )
}

/** Whether the file could not be used because another process has it. */
export function isInUse(error: EmbeddedStoreError): boolean {
  return isBusy(error.cause)
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** Loads node:sqlite, which earlier releases of Node 24 announce as experimental; that one warning is left out. */
function loadSqlite(): typeof import('node:sqlite') {
  const { emitWarning } = process
  process.emitWarning = ((warning: string | Error, ...rest: []) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) emitWarning(warning, ...rest)
  }) as typeof emitWarning
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emitWarning
  }
}
