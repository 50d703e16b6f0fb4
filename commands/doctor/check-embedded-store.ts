import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Config } from '../../lib/config/load.ts'
import {
  DATABASE_FILE,
  EmbeddedStoreError,
  isInUse,
  openRecordTable,
} from '../../lib/store/sqlite/database.ts'
import { isServerRunning } from './local-server.ts'
import { createReport, type Finding, type Report } from './report.ts'

type EmbeddedCheckSettings = Pick<Config, 'DATA_DIR' | 'HOST' | 'PORT'>

/**
 * Whether the file of the embedded store can be used. What is not there yet is left for the server to make, which
 * may run as another user.
 */
export async function checkEmbeddedStore(settings: EmbeddedCheckSettings): Promise<Finding[]> {
  const report = createReport('store')
  const directory = resolve(settings.DATA_DIR)
  const file = join(directory, DATABASE_FILE)
  if (!existsSync(file)) reportFolder(directory, report)
  else {
    try {
      openRecordTable(directory).close()
      report.ok(`${file} can be read and written.`)
    } catch (error) {
      if (!(error instanceof EmbeddedStoreError)) throw error
      if (isInUse(error) && (await isServerRunning(settings))) {
        report.ok(`${file} is in use by the server that is running.`)
      } else report.error(error.message, 'End the other process, or give this one a DATA_DIR of its own.')
    }
  }
  return report.findings
}

function reportFolder(directory: string, report: Report): void {
  const folder = findExisting(directory)
  const advice = 'DATA_DIR should be a folder on a local disk that the user of the server may write to.'
  if (!statSync(folder).isDirectory()) {
    report.error(`${folder} is not a folder.`, advice)
    return
  }
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    report.ok(`The first start will make ${join(directory, DATABASE_FILE)}.`)
  } catch {
    report.error(`${folder} cannot be written to.`, advice)
  }
}

/** The nearest of a path's parents that is there, or the path itself. */
function findExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : findExisting(dirname(path))
}
