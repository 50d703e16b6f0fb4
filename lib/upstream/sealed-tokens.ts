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

/** What a grant keeps of Sentry's answer, under seal. */
export type SealedTokens = Static<typeof SealedTokensSchema>

export function sealUpstream(tokens: UpstreamTokens, grantId: string, sealer: Sealer): NewUpstream {
  const { accessToken, refreshToken, expiresAt } = tokens
  return {
    sealed: sealer.seal(JSON.stringify({ accessToken, refreshToken }), formatContext(grantId)),
    expiresAt,
  }
}

/** Throws `UnsealError` when the tokens were sealed with another key. */
export function openUpstream(sealed: string, grantId: string, sealer: Sealer): SealedTokens {
  return SealedTokensParser.Parse(JSON.parse(sealer.open(sealed, formatContext(grantId))))
}

/** The same tokens sealed under the first key; undefined where they are so already. Throws `UnsealError`. */
export function resealUpstream(sealed: string, grantId: string, sealer: Sealer): string | undefined {
  if (sealer.isCurrent(sealed)) return undefined
  const context = formatContext(grantId)
  return sealer.seal(sealer.open(sealed, context), context)
}

function formatContext(grantId: string): string {
  return `upstream ${grantId}`
}
