import type { GrantRecord, GrantStatus, RevocationReason } from '../store.ts'

/** The fields of a grant's hash that make up a `GrantRecord`, in the order they are read. */
export const GRANT_FIELDS = [
  'status',
  'reason',
  'client_id',
  'client_name',
  'client_auth_method',
  'subject',
  'resource',
  'organization_id',
  'scope',
  'skills',
  'created_at',
  'last_used_at',
  'expires_at',
  'upstream_tokens',
  'upstream_expires_at',
  'upstream_generation',
  'renewal_started_at',
] as const

/** A grant as alternating fields and values of its hash, without undefined ones. */
export function formatGrant(grant: GrantRecord): string[] {
  const values: Record<(typeof GRANT_FIELDS)[number], string | number | undefined> = {
    status: grant.status,
    reason: grant.reason,
    client_id: grant.clientId,
    client_name: grant.clientName,
    client_auth_method: grant.clientAuthMethod,
    subject: grant.subject,
    resource: grant.resource,
    organization_id: grant.organizationId,
    scope: JSON.stringify(grant.scope),
    skills: JSON.stringify(grant.skills),
    created_at: grant.createdAt,
    last_used_at: grant.lastUsedAt,
    expires_at: grant.expiresAt,
    upstream_tokens: grant.upstream.sealed,
    upstream_expires_at: grant.upstream.expiresAt,
    upstream_generation: grant.upstream.generation,
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
  const organizationId = read('organization_id')
  return {
    id,
    status: status as GrantStatus,
    ...(reason !== '' && { reason: reason as RevocationReason }),
    clientId: read('client_id'),
    clientName: read('client_name'),
    clientAuthMethod: read('client_auth_method'),
    subject: read('subject'),
    resource: read('resource'),
    ...(organizationId !== '' && { organizationId }),
    scope: JSON.parse(read('scope')),
    skills: JSON.parse(read('skills')),
    createdAt: Number(read('created_at')),
    lastUsedAt: Number(read('last_used_at')),
    expiresAt: Number(read('expires_at')),
    upstream: {
      sealed: read('upstream_tokens'),
      expiresAt: readTime('upstream_expires_at'),
      generation: Number(read('upstream_generation')),
      renewalStartedAt: readTime('renewal_started_at'),
    },
  }
}
