import type { Config } from '../../config/load.ts'
import { createToken } from '../../crypto/hash.ts'
import type { GrantRecord } from '../../store/store.ts'
import type { UpstreamTokens } from '../../upstream/oauth.ts'
import { sealUpstream } from '../../upstream/sealed-tokens.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import type { Authorization } from '../authorize/transaction.ts'

/** How long an authorization code holds, in ms (RFC 6749 §4.1.2 recommends ten minutes at the most). */
export const CODE_TTL = 60_000

/** How long a spent code is remembered, in ms, so that a replay is told from an unknown code. */
export const CODE_TOMBSTONE_TTL = 10 * 60_000

/** How long a grant waits for its code to be redeemed, in ms. */
export const UNREDEEMED_GRANT_TTL = 10 * 60_000

/** How many grants one user may hold for one client: one for each place they use it in. */
export const GRANTS_PER_CLIENT = 20

/** The grant that a user's consent and Sentry's answer make together. */
export function createGrantRecord(
  transaction: Authorization,
  tokens: UpstreamTokens,
  userId: string,
  { sealer, config }: Pick<AuthorizationServer, 'sealer'> & { config: Pick<Config, 'GRANT_TTL'> },
): GrantRecord {
  const id = createToken()
  const now = Date.now()
  const { scope: upstreamScope, organizationId } = tokens
  return {
    id,
    status: 'active',
    clientId: transaction.clientId,
    clientName: transaction.clientName,
    subject: userId,
    resource: transaction.resource,
    ...(organizationId !== undefined && { organizationId }),
    // Sentry may grant less than was asked for, where its application is limited.
    scope: transaction.scope.filter((scope) => upstreamScope === undefined || upstreamScope.includes(scope)),
    skills: transaction.skills,
    createdAt: now,
    lastUsedAt: now,
    expiresAt: now + config.GRANT_TTL * 1000,
    upstream: { ...sealUpstream(tokens, id, sealer), generation: 0, renewalStartedAt: undefined },
  }
}
