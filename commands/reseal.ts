import { type Sealer, UnsealError } from '../lib/crypto/sealer.ts'
import { type GrantRecord, iterateGrants, type Store } from '../lib/store/store.ts'
import { resealTokens } from '../lib/upstream/sealed-tokens.ts'
import { type CommandContext, parseArguments, runCommand, withContext } from './command.ts'

type Outcome = 'resealed' | 'current' | 'unreadable' | 'gone'
type Counts = Record<Outcome, number>

/**
 * Seals all stored tokens with the first key of ENCRYPTION_KEY, while instances run, and prints when the other keys
 * can be removed. Resolves to false when they cannot.
 */
export async function runReseal(context: CommandContext): Promise<boolean> {
  const { print } = context
  const first = await resealAll(context)
  print(`resealed with the first key: ${first.resealed}`)
  print(`already sealed with the first key: ${first.current}`)
  if (first.unreadable > 0) {
    print(`sealed with a key that is not in ENCRYPTION_KEY: ${first.unreadable}`)
    print(
      'These grants were not changed. Add the missing key and run this again. Without it their users have to sign in again; "grants revoke" ends them.',
    )
    return false
  }
  // A second pass finds what an instance sealed with another key during the first one.
  const second = await resealAll(context)
  if (second.resealed > 0) {
    print(`sealed with an older key in the meantime: ${second.resealed}`)
    print(
      'An instance still has that key as its first. Restart it with the new order of keys, then run this again.',
    )
    return false
  }
  print(
    'No stored grant needs the older keys any more. Sign-ins in progress need them for another 15 minutes; remove them from ENCRYPTION_KEY after that.',
  )
  return true
}

async function resealAll({ store, sealer }: CommandContext): Promise<Counts> {
  const counts: Counts = { resealed: 0, current: 0, unreadable: 0, gone: 0 }
  for await (const grant of iterateGrants(store)) counts[await resealGrant(grant, store, sealer)] += 1
  return counts
}

/** Instances renew tokens meanwhile, so a grant is read again when it has changed before it could be replaced. */
async function resealGrant(read: GrantRecord, store: Store, sealer: Sealer): Promise<Outcome> {
  let grant: GrantRecord | undefined = read
  try {
    while (grant !== undefined && grant.status !== 'revoked') {
      const { sealed } = grant.upstream
      const resealed = resealTokens(grant, sealer)
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

function parseResealArguments(args: string[]): void {
  parseArguments({ args }, 'Usage:\n  reseal')
}

if (import.meta.main) {
  await runCommand(parseResealArguments, () =>
    withContext(async (context) => {
      if (!(await runReseal(context))) process.exitCode = 1
    }),
  )
}
