import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { StartUpError } from '../../errors.ts'

/** The file of the embedded store cannot be used. The message says why and what to do. */
export class EmbeddedStoreError extends StartUpError {}

/** Records of several kinds in one table, as JSON. Expired records are never returned. */
export interface RecordTable<Records extends Record<keyof Records, ExpiringRecord>> {
  read<Kind extends keyof Records & string>(kind: Kind, id: string): Records[Kind] | undefined
  /** The records of a kind with this `subject`. */
  readSubject<Kind extends keyof Records & string>(kind: Kind, subject: string): Records[Kind][]
  /** Up to 200 records of a kind, ordered by id, after the one that `next` of the call before named. */
  scan<Kind extends keyof Records & string>(
    kind: Kind,
    after?: string,
  ): { found: Records[Kind][]; next: string | undefined }
  write<Kind extends keyof Records & string>(kind: Kind, id: string, record: Records[Kind]): void
  remove(kind: keyof Records & string, id: string): void
  /** Removes expired records. */
  sweep(): void
  /** Runs `work` as one transaction: all of it is on disk when this returns, or nothing is. */
  transact<Result>(work: () => Result): Result
  close(): void
}

export interface ExpiringRecord {
  /** In ms since the epoch. */
  expiresAt: number
}

/** The name of the file in DATA_DIR. */
export const DATABASE_FILE = 'sentry-mcp.sqlite'

/** Beside it, an empty file that the service holds a lock on. */
const LOCK_FILE = 'sentry-mcp.lock'

const SCHEMA_VERSION = 1
const SCAN_SIZE = 200

/** How long a start waits for a previous process to exit, and a write for one of another process. */
const LOCK_TIMEOUT_MS = 1_000

// With FULL, acknowledged writes survive a power failure.
const PRAGMAS = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
`

const SCHEMA = `
CREATE TABLE records (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  record TEXT NOT NULL,
  expires_at INTEGER NOT NULL AS (record ->> 'expiresAt'),
  subject TEXT AS (record ->> 'subject'),
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_by_expiry ON records (expires_at);
CREATE INDEX records_by_subject ON records (kind, subject);
PRAGMA user_version = ${SCHEMA_VERSION};
`

/**
 * Claims the database under `directory` for the service, of which there may be one. Creates folder and files if they are
 * missing, accessible to this user only. The result releases the claim, and so does the end of the process, however it
 * ends: it is a lock of the kernel. Throws `EmbeddedStoreError` when another process has claimed it.
 */
export function claimDatabase(directory: string): () => void {
  let lock: DatabaseSync | undefined
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    createFile(join(directory, LOCK_FILE))
    lock = new DatabaseSync(join(directory, LOCK_FILE), { timeout: LOCK_TIMEOUT_MS })
    lock.exec('BEGIN EXCLUSIVE')
    createFile(join(directory, DATABASE_FILE))
    return () => lock?.close()
  } catch (error) {
    lock?.close()
    throw toEmbeddedStoreError(error, join(directory, DATABASE_FILE))
  }
}

/** Whether a process has claimed the database. Creates nothing. Throws `EmbeddedStoreError`. */
export function isClaimed(directory: string): boolean {
  if (!existsSync(join(directory, LOCK_FILE))) return false
  try {
    claimDatabase(directory)()
    return false
  } catch (error) {
    if (error instanceof EmbeddedStoreError && isBusy(error.cause)) return true
    throw error
  }
}

/**
 * Opens the database under `directory`, which exists, beside the service or without it. Throws `EmbeddedStoreError` when
 * it cannot be written or read.
 */
export function openRecordTable<Records extends Record<keyof Records, ExpiringRecord>>(
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
    const rows = prepare(`SELECT record FROM records WHERE ${condition} AND expires_at > ?`).all(
      ...values,
      Date.now(),
    )
    return rows.map(({ record }) => JSON.parse(String(record)))
  }

  return {
    read: (kind, id) => select('kind = ? AND id = ?', kind, id)[0],
    readSubject: (kind, subject) => select('kind = ? AND subject = ?', kind, subject),
    scan(kind, after = '') {
      const sql = `SELECT id, record FROM records WHERE kind = ? AND id > ? AND expires_at > ? ORDER BY id LIMIT ${SCAN_SIZE}`
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
      prepare('DELETE FROM records WHERE expires_at <= ?').run(Date.now())
    },
    transact(work) {
      return runTransaction(database, work)
    },
    close() {
      database.close()
    },
  }
}

/**
 * Writes a copy of the database under `directory` to `file`, which does not exist, as it is at one moment; the service may
 * run meanwhile. The copy is accessible to this user only. Throws `EmbeddedStoreError`.
 */
export function saveBackup(directory: string, file: string): void {
  withDatabase(directory, file, (database) => {
    // SQLite would create it readable for everybody.
    closeSync(openSync(file, 'wx', 0o600))
    database.prepare('VACUUM INTO ?').run(file)
  })
}

/**
 * Replaces all records under `directory` by those of a backup, in one transaction; the service may run meanwhile. Grants
 * that are known to be revoked stay revoked. Returns how many records came back. Throws `EmbeddedStoreError`.
 */
export function restoreBackup(directory: string, file: string): number {
  return withDatabase(directory, file, (database) => {
    if (!existsSync(file)) throw new EmbeddedStoreError(`${file} does not exist.`)
    database.prepare('ATTACH ? AS backup').run(file)
    assertVersion(database, 'backup', file)
    return runTransaction(database, () => {
      database.exec(`DELETE FROM records WHERE NOT (${IS_REVOKED})`)
      const insert = 'INSERT OR IGNORE INTO records (kind, id, record)'
      const valid = 'SELECT kind, id, record FROM backup.records WHERE expires_at > ?'
      return Number(database.prepare(`${insert} ${valid}`).run(Date.now()).changes)
    })
  })
}

/** A grant that was revoked, and so stays known for a day (`TOMBSTONE_TTL_MS`). */
const IS_REVOKED = "kind = 'grant' AND coalesce(record ->> '$.grant.status', '') = 'revoked'"

function withDatabase<Result>(directory: string, file: string, work: (database: DatabaseSync) => Result) {
  const database = openDatabase(directory)
  try {
    return work(database)
  } catch (error) {
    if (error instanceof EmbeddedStoreError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new EmbeddedStoreError(`${file} cannot be used: ${reason}.`, { cause: error })
  } finally {
    database.close()
  }
}

function runTransaction<Result>(database: DatabaseSync, work: () => Result): Result {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite rolls back some failures itself, such as a full disk.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function openDatabase(directory: string): DatabaseSync {
  const file = resolve(directory, DATABASE_FILE)
  if (!existsSync(file)) {
    throw new EmbeddedStoreError(
      `${file} does not exist. DATA_DIR should be the folder of the service, which creates the file at its first start.`,
    )
  }
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: LOCK_TIMEOUT_MS })
    database.exec(PRAGMAS)
    migrate(database, file)
    return database
  } catch (error) {
    database?.close()
    throw error instanceof EmbeddedStoreError ? error : toEmbeddedStoreError(error, file)
  }
}

function createFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    // An existing file is not opened here: closing it would release every lock that this process holds on it (POSIX
    // fcntl).
    if (!hasCode(error, 'EEXIST')) throw error
  }
}

function migrate(database: DatabaseSync, file: string): void {
  runTransaction(database, () => {
    const version = database.prepare('PRAGMA user_version').get()?.user_version
    if (version === 0) database.exec(SCHEMA)
    else assertVersion(database, 'main', file)
  })
}

function assertVersion(database: DatabaseSync, schema: 'main' | 'backup', file: string): void {
  const version = database.prepare(`PRAGMA ${schema}.user_version`).get()?.user_version
  if (version === SCHEMA_VERSION) return
  throw new EmbeddedStoreError(
    version === 0
      ? `${file} is not a database of this server.`
      : `${file} was written by another version of this server (${version}).`,
  )
}

const SQLITE_BUSY = 5

function toEmbeddedStoreError(error: unknown, file: string): EmbeddedStoreError {
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

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
