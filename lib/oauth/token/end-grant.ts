import type { GrantRecord, RevocationReason, Store } from '../../store/store.ts'
import type { Audit, AuditSource } from '../../telemetry/audit.ts'
import type { UpstreamRevocation } from '../../upstream/revocation.ts'

export interface GrantKeeping {
  store: Store
  audit: Audit
  revocation: UpstreamRevocation
}

/**
 * Ends a grant: in the store, in the audit log and, behind the answer, at Sentry. False when there was nothing left
 * to end. Throws `StoreUnavailableError`.
 */
export async function endGrant(
  grantId: string,
  reason: RevocationReason,
  keeping: GrantKeeping,
  source?: AuditSource,
): Promise<boolean> {
  const grant = await keeping.store.revokeGrant(grantId, reason)
  if (grant === undefined || grant.status === 'revoked') return false
  followEnd(grant, reason, keeping, source)
  return true
}

/** What follows when the store has ended a grant by itself. `grant` is as it was before. */
export function followEnd(
  grant: GrantRecord,
  reason: RevocationReason,
  { audit, revocation }: Pick<GrantKeeping, 'audit' | 'revocation'>,
  source?: AuditSource,
): void {
  audit.write({ event: 'grant_revoked', about: grant, reason }, source)
  revocation.revokeGrant(grant)
}
