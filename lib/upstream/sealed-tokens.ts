import Type, { type Static } from 'typebox'
import Compile from 'typebox/compile'
import type { Sealer } from '../crypto/sealer.ts'
import type { GrantRecord, NewUpstream } from '../store/store.ts'
import type { UpstreamTokens } from './oauth.ts'

const SealedTokensSchema = Type.Object({
  accessToken: Type.String(),
  refreshToken: Type.Optional(Type.String()),
})

const SealedTokensParser = Compile(SealedTokensSchema)

/** The part of Sentry's token response that a grant keeps, sealed. */
export type SealedTokens = Static<typeof SealedTokensSchema>

/** What of a grant decides who may do what. It never changes. */
export type GrantTerms = Omit<GrantRecord, 'status' | 'reason' | 'lastUsedAt' | 'upstream'>

/** Seals Sentry's tokens together with the terms of their grant, so that no term can be changed in the store. */
export function sealUpstream(tokens: UpstreamTokens, terms: GrantTerms, sealer: Sealer): NewUpstream {
  const { accessToken, refreshToken, expiresAt } = tokens
  return {
    sealed: sealer.seal(JSON.stringify({ accessToken, refreshToken }), formatContext(terms)),
    expiresAt,
  }
}

/**
 * Opens the tokens of a grant. Throws `UnsealError` if they were sealed with a key that is no longer configured, or if
 * the terms of the grant are not those that they were sealed with.
 */
export function openUpstream(grant: GrantRecord, sealer: Sealer): SealedTokens {
  return SealedTokensParser.Parse(JSON.parse(sealer.open(grant.upstream.sealed, formatContext(grant))))
}

/** The same tokens sealed with the current key; undefined if they already are. Throws `UnsealError`. */
export function resealTokens(grant: GrantRecord, sealer: Sealer): string | undefined {
  const { sealed } = grant.upstream
  if (sealer.isCurrent(sealed)) return undefined
  const context = formatContext(grant)
  return sealer.seal(sealer.open(sealed, context), context)
}

function formatContext(terms: GrantTerms): string {
  const { id, clientId, clientName, clientAuthMethod, subject, resource, scope, skills } = terms
  const { emailHash = null, organizationId = null, browser = null, createdAt, expiresAt } = terms
  const client = [clientId, clientName, clientAuthMethod]
  const user = [subject, emailHash, browser]
  const consent = [resource, organizationId, scope, skills, createdAt, expiresAt]
  return `upstream ${JSON.stringify([id, ...client, ...user, ...consent])}`
}
