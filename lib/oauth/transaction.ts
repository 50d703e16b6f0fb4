import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { Sealer } from '../crypto/sealer.ts'
import type { ProvenRedirect } from './oauth-error.ts'

/** How long a user has from the authorization request to Sentry's answer, in ms. */
export const TRANSACTION_TTL = 10 * 60_000

const TransactionSchema = Type.Object({
  clientId: Type.String(),
  clientName: Type.String(),
  redirectUri: Type.String(),
  state: Type.Optional(Type.String()),
  codeChallenge: Type.String(),
  resource: Type.String(),
  scope: Type.Array(Type.String()),
  skills: Type.Array(Type.String()),
  /** Our own PKCE verifier toward Sentry. */
  upstreamVerifier: Type.String(),
})

/** One sign-in under way: what the client asked for, proven, and what the user has consented to so far. */
export type Transaction = Static<typeof TransactionSchema>

export function sealTransaction(transaction: Transaction, idHash: string, sealer: Sealer): string {
  return sealer.seal(JSON.stringify(transaction), `transaction ${idHash}`)
}

/** Throws `UnsealError` when the content was sealed with another key. */
export function openTransaction(sealed: string, idHash: string, sealer: Sealer): Transaction {
  return Value.Parse(TransactionSchema, JSON.parse(sealer.open(sealed, `transaction ${idHash}`)))
}

/** Where the answer to this transaction's authorization request goes. */
export function getProvenRedirect(transaction: Transaction): ProvenRedirect {
  return { redirectUri: transaction.redirectUri, state: transaction.state }
}
