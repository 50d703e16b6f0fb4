import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { createToken, hashToken } from '../../crypto/hash.ts'
import type { Sealer } from '../../crypto/sealer.ts'
import type { TransactionOutcome } from '../../store/store.ts'
import type { RequestClient } from '../../telemetry/request-line.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { createExpiredError, createOtherBrowserError, type VerifiedRedirect } from '../errors.ts'
import type { CookieResponse, Cookies } from './browser.ts'

/** How long a user has from the authorization request to the return from Sentry. */
const TRANSACTION_TTL_MS = 10 * 60_000

const PendingAuthorizationSchema = Type.Object({
  kind: Type.Literal('authorization'),
  clientId: Type.String(),
  clientName: Type.String(),
  clientAuthMethod: Type.String(),
  redirectUri: Type.String(),
  state: Type.Optional(Type.String()),
  codeChallenge: Type.String(),
  resource: Type.String(),
  scope: Type.Array(Type.String()),
  skills: Type.Array(Type.String()),
  browser: Type.Optional(Type.String()),
  /** The PKCE verifier of this server's request to Sentry. */
  upstreamVerifier: Type.String(),
})

const AccountSignInSchema = Type.Object({
  kind: Type.Literal('account'),
  upstreamVerifier: Type.String(),
})

const TransactionSchema = Type.Union([PendingAuthorizationSchema, AccountSignInSchema])

/** A client's authorization request, verified, and what the user has consented to so far. */
export type PendingAuthorization = Static<typeof PendingAuthorizationSchema>

/** A sign-in in progress: a client's, or a user's own to the account page. */
export type Transaction = PendingAuthorization | Static<typeof AccountSignInSchema>

/** A transaction that was just stored, and the arguments of the store's operations on it. */
export interface StartedTransaction {
  id: string
  /** The secret of its cookie. */
  browserSecret: string
  idHash: string
  browserHash: string
  sealed: string
}

/**
 * Stores a new transaction and binds it to the browser that sent `cookies`, by a cookie in `response`. Throws
 * `StoreUnavailableError`.
 */
export async function startTransaction(
  transaction: Transaction,
  cookies: Cookies,
  response: CookieResponse,
  { store, sealer, transactionCookies }: Pick<AuthorizationServer, 'store' | 'sealer' | 'transactionCookies'>,
): Promise<StartedTransaction> {
  const id = createToken()
  const browserSecret = transactionCookies.bind(id, cookies, response)
  const idHash = hashToken(id)
  const browserHash = hashToken(browserSecret)
  const sealed = sealTransaction(transaction, { idHash, browserHash }, sealer)
  await store.saveTransaction(idHash, { browserHash, sealed }, TRANSACTION_TTL_MS)
  return { id, browserSecret, idHash, browserHash, sealed }
}

/** The sealed transaction of an outcome. Throws `PageError` if this browser cannot have it at this stage. */
export function unwrapTransaction(outcome: TransactionOutcome): string {
  switch (outcome.outcome) {
    case 'ok':
      return outcome.sealed
    case 'other_browser':
      throw createOtherBrowserError()
    case 'missing':
    case 'not_approved':
      throw createExpiredError()
  }
}

/** Whether the transaction of an outcome is gone, so that its cookie has no use. */
export function hasEnded({ outcome }: TransactionOutcome): boolean {
  return outcome === 'ok' || outcome === 'missing'
}

/** The id and the browser of a transaction, which are sealed with it: its record cannot be moved to another browser. */
export type TransactionKey = Pick<StartedTransaction, 'idHash' | 'browserHash'>

export function sealTransaction(transaction: Transaction, key: TransactionKey, sealer: Sealer): string {
  return sealer.seal(JSON.stringify(transaction), formatContext(key))
}

/**
 * Throws `UnsealError` if the transaction was sealed with a key that this server does not have, or in another browser.
 */
export function openTransaction(sealed: string, key: TransactionKey, sealer: Sealer): Transaction {
  return Value.Parse(TransactionSchema, JSON.parse(sealer.open(sealed, formatContext(key))))
}

/** Opens a transaction that can only be a client's. Throws as `openTransaction` does. */
export function openAuthorization(sealed: string, key: TransactionKey, sealer: Sealer): PendingAuthorization {
  return Value.Parse(PendingAuthorizationSchema, openTransaction(sealed, key, sealer))
}

function formatContext({ idHash, browserHash }: TransactionKey): string {
  return `transaction ${idHash} ${browserHash}`
}

/** The client of a transaction, for the log line of a request. */
export function getRequestClient({ clientId, clientName, redirectUri }: PendingAuthorization): RequestClient {
  return { id: clientId, name: clientName, redirectUri }
}

/** Where the authorization response goes. */
export function getVerifiedRedirect({ redirectUri, state }: PendingAuthorization): VerifiedRedirect {
  return { redirectUri, state }
}
