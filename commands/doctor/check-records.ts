import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../lib/config/load.ts'
import { createSealer, UnsealError } from '../../lib/crypto/sealer.ts'
import { createSigner } from '../../lib/crypto/signer.ts'
import { StartUpError } from '../../lib/errors.ts'
import { DATABASE_FILE } from '../../lib/store/sqlite/database.ts'
import { type GrantRecord, iterateGrants, type Store, StoreUnavailableError } from '../../lib/store/store.ts'
import { openUpstream } from '../../lib/upstream/sealed-tokens.ts'
import { openStore } from '../command.ts'
import { createReport, type Finding, type Report } from './report.ts'

/** How many grants are opened: enough to meet every key that is in use. */
const MAX_GRANTS = 1_000

/** Checks that the stored grants can be opened with the keys of the settings. Changes nothing. */
export async function checkRecords(settings: Config): Promise<Finding[]> {
  const report = createReport('records')
  const isNew = settings.STORE === 'embedded' && !existsSync(join(settings.DATA_DIR, DATABASE_FILE))
  if (isNew) {
    report.ok('Nothing is stored yet.')
    return report.findings
  }
  try {
    const store = await openStore(settings, { info() {}, warn() {}, error() {} })
    try {
      reportGrants(await readGrants(store), settings, report)
    } finally {
      await store.close()
    }
  } catch (error) {
    if (!(error instanceof StoreUnavailableError || error instanceof StartUpError)) throw error
    report.skipped('This check needs a store that can be read, with SCAN in Redis.')
  }
  return report.findings
}

async function readGrants(store: Store): Promise<GrantRecord[]> {
  const grants: GrantRecord[] = []
  for await (const grant of iterateGrants(store)) if (grants.push(grant) === MAX_GRANTS) break
  return grants
}

function reportGrants(grants: readonly GrantRecord[], settings: Config, report: Report): void {
  const sealer = createSealer(settings.ENCRYPTION_KEY)
  const problems = grants.flatMap((grant) => findProblem(() => openUpstream(grant, sealer)) ?? [])
  const [first] = problems
  if (grants.length === 0) report.ok('No grant is stored, so the keys cannot be compared with one.')
  else if (first === undefined)
    report.ok(`ENCRYPTION_KEY opens all ${grants.length} stored grants that were tried.`)
  else {
    report.error(
      `${problems.length} of ${grants.length} stored grants cannot be opened: ${first}`,
      'Add the missing key at the end of ENCRYPTION_KEY, on every instance; their users get 503 until then. Without it they have to sign in again: npm run grants -- revoke.',
    )
  }
  const signer = createSigner(settings.JWT_SIGNING_KEY)
  const foreign = grants.filter(({ emailHash }) => emailHash !== undefined && !signer.hasKeyOf(emailHash))
  if (foreign.length === 0) return
  report.warning(
    `${foreign.length} of ${grants.length} stored grants were made with another JWT_SIGNING_KEY: their clients are signed out, and grants --email does not find them.`,
    'If the key was lost, nothing can be done. Otherwise add it at the end of JWT_SIGNING_KEY.',
  )
}

/** The sentence of an `UnsealError`, which names a key by its id only. */
function findProblem(open: () => void): string | undefined {
  try {
    open()
    return undefined
  } catch (error) {
    if (error instanceof UnsealError) return error.message
    throw error
  }
}
