import { resolve } from 'node:path'
import { StartUpError } from '../lib/errors.ts'
import { restoreBackup, saveBackup } from '../lib/store/sqlite/database.ts'
import { confirm, parseArguments, printLine, readConfig, runCommand, UsageError } from './command.ts'

const USAGE = `Usage:
  backup save FILE
  backup restore FILE [--yes]

Copies the embedded store to a new file, or replaces its records by those of such a copy. The service may run meanwhile.
A copy is useless without ENCRYPTION_KEY and JWT_SIGNING_KEY, which it does not contain.

  --yes  replaces the records without asking`

interface BackupArguments {
  command: 'save' | 'restore'
  file: string
  yes: boolean
}

/** Throws `UsageError`. */
export function parseBackupArguments(args: string[]): BackupArguments {
  const options = { yes: { type: 'boolean', default: false } } as const
  const { values, positionals } = parseArguments({ args, allowPositionals: true, options }, USAGE)
  const [command, file, ...rest] = positionals
  if ((command !== 'save' && command !== 'restore') || file === undefined || rest.length > 0)
    throw new UsageError(USAGE)
  return { command, file, yes: values.yes }
}

async function runBackup({ command, file: name, yes }: BackupArguments): Promise<void> {
  const { STORE, DATA_DIR } = readConfig()
  if (STORE !== 'embedded')
    throw new StartUpError('STORE is redis: back up Redis itself, as docs/operations.md#backups says.')
  const file = resolve(name)
  if (command === 'save') {
    saveBackup(DATA_DIR, file)
    printLine(`The store was copied to ${file}.`)
    return
  }
  const question = `Replace all records in ${resolve(DATA_DIR)} by those of ${file}?`
  if (!yes && !(await confirm(question))) {
    printLine('Nothing was replaced. --yes replaces without asking.')
    return
  }
  printLine(`${restoreBackup(DATA_DIR, file)} records of ${file} are back.`)
}

if (import.meta.main) await runCommand(parseBackupArguments, runBackup)
