import { type Sealer, UnsealError } from '../lib/crypto/sealer.ts'
import { type GrantRecord, iterateGrants, type Store } from '../lib/store/store.ts'
import { resealUpstream } from '../lib/upstream/sealed-tokens.ts'
import { type CommandParts, runCommand, UsageError } from './command.ts'

type Outcome = 'resealed' | 'current' | 'unreadable' | 'gone'
type Counts = Record<Outcome, number>

/**
 * Seals everything that is kept under the first key of ENCRYPTION_KEY, while instances go on, and says when the
 * other keys can go. False when they cannot.
 */
export async function runResealCommand(parts: CommandParts): Promise<boolean> {
  const { print } = parts
  const first = await resealAll(parts)
  print(`sealed anew under the first key: ${first.resealed}`)
  print(`already under the first key: ${first.current}`)
  if (first.unreadable > 0) {
    print(`opened by no key of ENCRYPTION_KEY: ${first.unreadable}`)
    print(
      'They were left as they are. Add the key that is missing and run this again. Without it their users have to sign in again; "grants revoke" ends them.',
    )
    return false
  }
  // What an instance has sealed meanwhile under another key is found now.
  const second = await resealAll(parts)
  if (second.resealed > 0) {
    print(`sealed under an older key in the meantime: ${second.resealed}`)
    print(
      'An instance still has that key as its first. Restart it with the new order of keys, then run this again.',
    )
    return false
  }
  print(
    'Nothing that is kept needs the older keys any more. Sign-ins under way need them for a quarter of an hour; after that, remove them from ENCRYPTION_KEY.',
  )
  return true
}

async function resealAll({ store, sealer }: CommandParts): Promise<Counts> {
  const counts: Counts = { resealed: 0, current: 0, unreadable: 0, gone: 0 }
  for await (const grant of iterateGrants(store)) counts[await resealGrant(grant, store, sealer)] += 1
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
      if (await store.replaceSealedUpstream(grant.id, sealed, resealed)) return 'resealed'
      grant = await store.readGrant(grant.id)
    }
    return 'gone'
  } catch (error) {
    if (error instanceof UnsealError) return 'unreadable'
    throw error
  }
}

/** Throws `UsageError`. */
function readNothing(args: string[]): void {
  if (args.length > 0) throw new UsageError('Usage:\n  reseal\n\nIt takes no arguments.')
}

if (import.meta.main) {
  await runCommand(readNothing, async (parts) => {
    if (!(await runResealCommand(parts))) process.exitCode = 1
  })
}
