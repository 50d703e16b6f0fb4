import Type, { type Static } from 'typebox'
import Compile from 'typebox/compile'
import type { Sealer } from '../crypto/sealer.ts'
import type { NewUpstream } from '../store/store.ts'
import type { UpstreamTokens } from './oauth.ts'

const SealedTokensSchema = Type.Object({
  accessToken: Type.String(),
  refreshToken: Type.Optional(Type.String()),
})

const SealedTokensParser = Compile(SealedTokensSchema)

/** The part of Sentry's token response that a grant keeps, sealed. */
export type SealedTokens = Static<typeof SealedTokensSchema>

export function sealUpstream(tokens: UpstreamTokens, grantId: string, sealer: Sealer): NewUpstream {
  const { accessToken, refreshToken, expiresAt } = tokens
  return {
    sealed: sealer.seal(JSON.stringify({ accessToken, refreshToken }), formatContext(grantId)),
    expiresAt,
  }
}

/** Throws `UnsealError` if the tokens were sealed with a key that is no longer configured. */
export function openUpstream(sealed: string, grantId: string, sealer: Sealer): SealedTokens {
  return SealedTokensParser.Parse(JSON.parse(sealer.open(sealed, formatContext(grantId))))
}

/** The same tokens sealed with the current key; undefined if they already are. Throws `UnsealError`. */
export function resealTokens(sealed: string, grantId: string, sealer: Sealer): string | undefined {
  if (sealer.isCurrent(sealed)) return undefined
  const context = formatContext(grantId)
  return sealer.seal(sealer.open(sealed, context), context)
}

function formatContext(grantId: string): string {
  return `upstream ${grantId}`
}
