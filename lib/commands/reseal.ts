import { type Sealer, UnsealError } from '../crypto/sealer.ts'
import type { GrantRecord, Store } from '../store/store.ts'
import { walkGrants } from '../store/walk-grants.ts'
import { resealUpstream } from '../upstream/upstream-tokens.ts'
import { type CommandParts, print, runCommand, UsageError } from './command.ts'

type Outcome = 'resealed' | 'current' | 'unreadable' | 'gone'
type Counts = Record<Outcome, number>

await runCommand(readNothing, async (parts) => {
  const first = await resealAll(parts)
  print(`sealed anew under the first key: ${first.resealed}`)
  print(`already under the first key: ${first.current}`)
  if (first.unreadable > 0) return reportUnreadable(first.unreadable)
  // Whatever an instance sealed meanwhile under another key is found now.
  const second = await resealAll(parts)
  if (second.resealed > 0) return reportOlderInstances(second.resealed)
  print(
    'Nothing that is kept needs the older keys of ENCRYPTION_KEY any more. Sign-ins under way need them for a quarter of an hour; after that, remove them.',
  )
})

function readNothing(): void {
  if (process.argv.length > 2) throw new UsageError('Usage:\n  reseal\n\nIt takes no arguments.')
}

async function resealAll({ store, sealer }: CommandParts): Promise<Counts> {
  const counts: Counts = { resealed: 0, current: 0, unreadable: 0, gone: 0 }
  for await (const grant of walkGrants(store)) counts[await resealGrant(grant, store, sealer)] += 1
  return counts
}

/** Instances go on renewing meanwhile, so that what was read may have changed by the time it is replaced. */
async function resealGrant(read: GrantRecord, store: Store, sealer: Sealer): Promise<Outcome> {
  let grant: GrantRecord | undefined = read
  try {
    while (grant !== undefined && grant.status !== 'revoked') {
      const { sealed } = grant.upstream
      const resealed = resealUpstream(sealed, grant.id, sealer)
      if (resealed === undefined) return 'current'
      if (await store.resealUpstream(grant.id, sealed, resealed)) return 'resealed'
      grant = await store.readGrant(grant.id)
    }
    return 'gone'
  } catch (error) {
    if (error instanceof UnsealError) return 'unreadable'
    throw error
  }
}

function reportUnreadable(count: number): void {
  process.exitCode = 1
  print(
    `opened by no key of ENCRYPTION_KEY: ${count}\nThey were left as they are. Add the key that is missing and run this again. Without it their users have to sign in again; "grants revoke" ends them.`,
  )
}

function reportOlderInstances(count: number): void {
  process.exitCode = 1
  print(
    `sealed under an older key in the meantime: ${count}\nAn instance is still running with that key as its first. Restart it with the new order of keys, then run this again.`,
  )
}
