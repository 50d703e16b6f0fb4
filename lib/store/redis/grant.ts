import type { GrantRecord, GrantStatus, RevocationReason } from '../store.ts'

/** The fields of a grant's hash that make up a `GrantRecord`, in the order they are read. */
export const GRANT_FIELDS = [
  'status',
  'reason',
  'terms',
  'used',
  'tokens',
  'ends',
  'gen',
  'renewal_started_at',
] as const

/** A grant as alternating fields and values of its hash, without undefined ones. */
export function formatGrant(grant: GrantRecord): string[] {
  const values: Record<(typeof GRANT_FIELDS)[number], string | number | undefined> = {
    status: grant.status,
    reason: grant.reason,
    terms: formatTerms(grant),
    used: grant.lastUsedAt,
    tokens: grant.upstream.sealed,
    ends: grant.upstream.expiresAt,
    gen: grant.upstream.generation,
    renewal_started_at: grant.upstream.renewalStartedAt,
  }
  return Object.entries(values).flatMap(([field, value]) =>
    value === undefined ? [] : [field, String(value)],
  )
}

/** The grant whose `GRANT_FIELDS` have these values; undefined when it does not exist. */
export function parseGrant(id: string, values: readonly unknown[]): GrantRecord | undefined {
  const read = (field: (typeof GRANT_FIELDS)[number]) => String(values[GRANT_FIELDS.indexOf(field)] || '')
  const readTime = (field: (typeof GRANT_FIELDS)[number]) => Number(read(field)) || undefined
  const status = read('status')
  if (status === '') return undefined
  const reason = read('reason')
  return {
    id,
    status: status as GrantStatus,
    ...(reason !== '' && { reason: reason as RevocationReason }),
    ...parseTerms(read('terms')),
    lastUsedAt: Number(read('used')),
    upstream: {
      sealed: read('tokens'),
      expiresAt: readTime('ends'),
      generation: Number(read('gen')),
      renewalStartedAt: readTime('renewal_started_at'),
    },
  }
}

/**
 * What of a grant never changes: a list in one field, since each field of a hash takes some 80 bytes of Redis. Scripts
 * read the first three.
 */
function formatTerms(grant: GrantRecord): string {
  const { clientId, subject, expiresAt, clientName, clientAuthMethod, resource } = grant
  const { scope, skills, createdAt, organizationId, emailHash, browser } = grant
  const client = [clientName, clientAuthMethod]
  const optional = { organizationId, emailHash, browser }
  return JSON.stringify([
    ...[clientId, subject, expiresAt, ...client, resource, scope, skills, createdAt, optional],
  ])
}

function parseTerms(text: string) {
  const [clientId, subject, expiresAt, ...rest] = JSON.parse(text)
  const [clientName, clientAuthMethod, resource, scope, skills, createdAt, optional] = rest
  return {
    ...{ clientId, clientName, clientAuthMethod, subject, resource, scope, skills, createdAt, expiresAt },
    ...optional,
  }
}
