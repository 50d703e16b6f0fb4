import { createId } from '../../crypto/hash.ts'
import type { Sealer } from '../../crypto/sealer.ts'
import { coversSentryScope } from '../../model/scope.ts'
import type { GrantRecord, RevocationReason, Store } from '../../store/store.ts'
import type { Audit, AuditSource } from '../../telemetry/audit.ts'
import type { UpstreamTokens } from '../../upstream/oauth.ts'
import type { UpstreamRevocation } from '../../upstream/revocation.ts'
import { type GrantTerms, sealUpstream } from '../../upstream/sealed-tokens.ts'
import type { OAuthSettings } from '../authorization-server.ts'
import type { PendingAuthorization } from '../authorize/transaction.ts'
import { selectUpstreamScope } from '../authorize/upstream-scope.ts'

export interface GrantServices {
  store: Pick<Store, 'revokeGrant'>
  audit: Audit
  revocation: UpstreamRevocation
}

type GrantSettings = Pick<
  OAuthSettings,
  'GRANT_TTL' | 'SENTRY_SCOPES' | 'READ_ONLY' | 'ALLOWED_ORGANIZATIONS'
>

/** The grant of a user's consent and Sentry's tokens for that user. */
export function createGrantRecord(
  authorization: PendingAuthorization,
  tokens: UpstreamTokens,
  userId: string,
  { sealer, settings }: { sealer: Sealer; settings: GrantSettings },
): GrantRecord {
  const id = createId()
  const now = Date.now()
  const { clientId, clientName, clientAuthMethod, resource, skills } = authorization
  const { scope: upstreamScope, organizationId } = tokens
  const requested = selectUpstreamScope(authorization, settings)
  const terms: GrantTerms = {
    id,
    clientId,
    clientName,
    clientAuthMethod,
    subject: userId,
    resource,
    ...(organizationId !== undefined && { organizationId }),
    // Sentry may grant less than was requested, for an application that it limits. Older releases do not say.
    scope: requested.filter((name) => coversSentryScope(upstreamScope ?? requested, name)),
    skills,
    createdAt: now,
    expiresAt: now + settings.GRANT_TTL * 1000,
  }
  return {
    ...terms,
    status: 'active',
    lastUsedAt: now,
    upstream: { ...sealUpstream(tokens, terms, sealer), generation: 0, renewalStartedAt: undefined },
  }
}

/**
 * Revokes a grant in the store, writes it to the audit log, and starts revoking its tokens at Sentry in the background.
 * False if the grant had ended already. Throws `StoreUnavailableError`.
 */
export async function endGrant(
  grantId: string,
  reason: RevocationReason,
  services: GrantServices,
  source?: AuditSource,
): Promise<boolean> {
  const grant = await services.store.revokeGrant(grantId, reason)
  if (grant === undefined || grant.status === 'revoked') return false
  onGrantRevoked(grant, reason, services, source)
  return true
}

/** What follows when an operation of the store revoked a grant. `grant` is the record from before. */
export function onGrantRevoked(
  grant: GrantRecord,
  reason: RevocationReason,
  { audit, revocation }: Pick<GrantServices, 'audit' | 'revocation'>,
  source?: AuditSource,
): void {
  audit.write({ event: 'grant_revoked', about: grant, reason }, source)
  revocation.revokeGrant(grant)
}
