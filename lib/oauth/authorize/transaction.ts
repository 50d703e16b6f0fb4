import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { Sealer } from '../../crypto/sealer.ts'
import type { ProvenRedirect } from '../errors.ts'

/** How long a user has from the authorization request to Sentry's answer, in ms. */
export const TRANSACTION_TTL = 10 * 60_000

const AuthorizationSchema = Type.Object({
  kind: Type.Literal('authorization'),
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

const AccountSchema = Type.Object({
  kind: Type.Literal('account'),
  upstreamVerifier: Type.String(),
})

/** A client's sign-in under way: what it asked for, proven, and what the user has consented to so far. */
export type Authorization = Static<typeof AuthorizationSchema>

/** What is under way at Sentry: a client's sign-in, or a user's own to the account page. */
export type Transaction = Authorization | Static<typeof AccountSchema>

export function sealTransaction(transaction: Transaction, idHash: string, sealer: Sealer): string {
  return sealer.seal(JSON.stringify(transaction), `transaction ${idHash}`)
}

/** Throws `UnsealError` when the content was sealed with another key. */
export function openTransaction(sealed: string, idHash: string, sealer: Sealer): Transaction {
  const schema = Type.Union([AuthorizationSchema, AccountSchema])
  return Value.Parse(schema, JSON.parse(sealer.open(sealed, `transaction ${idHash}`)))
}

/** The same where only a client's sign-in can be meant. */
export function openAuthorization(sealed: string, idHash: string, sealer: Sealer): Authorization {
  return Value.Parse(AuthorizationSchema, openTransaction(sealed, idHash, sealer))
}

/** Where the answer to an authorization request goes. */
export function getProvenRedirect({ redirectUri, state }: Authorization): ProvenRedirect {
  return { redirectUri, state }
}
