import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Config } from '../../lib/config/load.ts'
import {
  DATABASE_FILE,
  EmbeddedStoreError,
  isClaimed,
  openRecordTable,
} from '../../lib/store/sqlite/database.ts'
import { isServerRunning } from './probe.ts'
import { createReport, type Finding, type Report } from './report.ts'

/** Checks that the database can be used. It creates no file: the server may run as another user. */
export async function checkEmbeddedStore(settings: Config): Promise<Finding[]> {
  const report = createReport('store')
  const directory = resolve(settings.DATA_DIR)
  const file = join(directory, DATABASE_FILE)
  if (!existsSync(file)) {
    reportFolder(directory, report)
    return report.findings
  }
  reportMode(directory, report)
  try {
    openRecordTable(directory).close()
    if (!isClaimed(directory)) report.ok(`${file} can be read and written.`)
    else if (await isServerRunning(settings)) report.ok(`${file} is in use by the running server.`)
    else
      report.error(
        `${file} is in use by another process, which does not respond at HOST and PORT.`,
        'End the other process, or set DATA_DIR to another folder.',
      )
  } catch (error) {
    if (!(error instanceof EmbeddedStoreError)) throw error
    report.error(error.message, 'Set DATA_DIR to a folder on a local disk that this user can write to.')
  }
  return report.findings
}

function reportFolder(directory: string, report: Report): void {
  const folder = findExisting(directory)
  const advice = 'Set DATA_DIR to a folder on a local disk that the user of the server can write to.'
  if (!statSync(folder).isDirectory()) {
    report.error(`${folder} is not a folder.`, advice)
    return
  }
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    report.ok(`The server will create ${join(directory, DATABASE_FILE)} at its first start.`)
  } catch {
    report.error(`${folder} cannot be written to.`, advice)
  }
}

/** A folder that other accounts can write to lets them replace the database; the file itself is 0600. */
function reportMode(directory: string, report: Report): void {
  const mode = statSync(directory).mode & 0o777
  if ((mode & 0o022) === 0) return
  report.warning(
    `${directory} has mode 0${mode.toString(8)}: other accounts of this machine can replace the database.`,
    `Run: chmod 700 ${directory}`,
  )
}

/** The path, or its nearest parent that exists. */
function findExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : findExisting(dirname(path))
}
