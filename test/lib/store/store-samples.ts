import { createToken, hashToken } from '../../../lib/crypto/hash.ts'
import type { GrantRecord, RefreshRotation, Store } from '../../../lib/store/store.ts'

export const MINUTE = 60_000
export const DAY = 86_400_000
/** A TTL that expires within a test, and a wait after which it surely has, in ms. */
export const BRIEF = 250
export const AFTERWARDS = 300

/** A new grant as it is after the user's consent. */
export function makeGrant(changes: Partial<GrantRecord> = {}): GrantRecord {
  const now = Date.now()
  return {
    id: createToken(),
    status: 'active',
    clientId: 'client-1',
    clientName: 'Client “one” \u{1f9ea}\n',
    clientAuthMethod: 'none',
    subject: createToken(),
    resource: 'https://mcp.example.com/mcp',
    scope: ['org:read', 'event:write'],
    skills: ['inspect'],
    createdAt: now,
    lastUsedAt: now,
    expiresAt: now + 365 * DAY,
    upstream: {
      sealed: 'v1.key.sealed-upstream',
      expiresAt: now + 30 * DAY,
      generation: 0,
      renewalStartedAt: undefined,
    },
    ...changes,
  }
}

/** A redeemed grant, and the hash of its first refresh token. */
export async function makeActiveGrant(store: Store, changes: Partial<GrantRecord> = {}) {
  const grant = makeGrant(changes)
  const refresh = hashToken(createToken())
  await store.createGrant(grant, 10 * MINUTE)
  await store.activateGrant(grant, refresh, DAY, 20)
  return { grant, refresh }
}

export function makeRotation(presentedHash: string, changes: Partial<RefreshRotation> = {}): RefreshRotation {
  return {
    clientId: 'client-1',
    presentedHash,
    nextHash: hashToken(createToken()),
    sealedSuccessor: `sealed ${createToken()}`,
    graceMs: 2 * MINUTE,
    ttlMs: DAY,
    ...changes,
  }
}

/** Makes 50 concurrent attempts and counts their outcomes. */
export async function countOutcomes(
  attempt: () => Promise<{ outcome: string }>,
): Promise<Record<string, number>> {
  const results = await Promise.all(Array.from({ length: 50 }, attempt))
  const groups = Object.entries(Object.groupBy(results, ({ outcome }) => outcome))
  return Object.fromEntries(groups.map(([outcome, group]) => [outcome, group?.length ?? 0]))
}

/** Without undefined fields, which a store may omit. */
export function plain<Value>(value: Value): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}
