import { TransientError } from '../errors.ts'

/**
 * What the service remembers, as the operations its protocols need. Every operation is atomic, and every
 * record ends by itself. Implementations know nothing of cryptography: identifiers arrive as SHA-256 hashes
 * (`hashToken`), confidential values as sealed strings, so neither a key name nor a value gives a secret away.
 *
 * Any operation may throw `StoreUnavailableError`. It then may or may not have happened, and nobody may read
 * that as "not found". Times are milliseconds since the epoch, those that the store sets on its own clock;
 * durations are milliseconds.
 */
export interface Store {
  readonly kind: 'redis' | 'embedded'

  /** Resolves when the store answers; used for readiness. */
  ping(): Promise<void>

  /** Writes a registered client; it ends after `ttl` unless it is read. */
  saveClient(id: string, client: ClientRecord, ttl: number): Promise<void>
  /** A registered client. Reading moves its end to `ttl` from now, at most once a day. */
  readClient(id: string, ttl: number): Promise<ClientRecord | undefined>
  /**
   * Notes that a client's assertion was used (RFC 7523 §3, jti), until `ttl` is over. Of any number of callers
   * exactly one gets true.
   */
  spendAssertion(assertionHash: string, ttl: number): Promise<boolean>

  /** Writes a transaction in stage `pending`. */
  saveTransaction(idHash: string, transaction: TransactionRecord, ttl: number): Promise<void>
  /** Looks at a transaction without changing it. `browserHash` must be the browser it was begun in. */
  readTransaction(idHash: string, browserHash: string): Promise<TransactionOutcome>
  /** Moves a transaction to stage `approved` and replaces what it seals. Approving twice is allowed. */
  approveTransaction(idHash: string, browserHash: string, sealed: string): Promise<TransactionOutcome>
  /** Takes an approved transaction out of the store: exactly one caller gets it, and only the right browser. */
  takeTransaction(idHash: string, browserHash: string): Promise<TransactionOutcome>
  /** Takes a transaction in any stage out of the store, for a user who says no. */
  denyTransaction(idHash: string, browserHash: string): Promise<TransactionOutcome>

  /** Writes an authorization code. */
  saveCode(codeHash: string, code: CodeRecord, ttl: number): Promise<void>
  /**
   * Spends an authorization code (RFC 6749 §4.1.2, OAuth 2.1 §4.1.3). Another client cannot spend it, nor the
   * right one for another resource (RFC 8707 §2.2); a wrong
   * verifier or redirect URI spends it for good. What is spent stays known for `tombstoneTtl`, so that a replay
   * is told from an unknown code.
   */
  redeemCode(codeHash: string, proof: CodeProof, tombstoneTtl: number): Promise<CodeOutcome>

  /** Writes a grant that nobody has redeemed yet; it ends after `ttl` unless `activateGrant` follows. */
  createGrant(grant: GrantRecord, ttl: number): Promise<void>
  /** The one read of a tool call. `undefined` when the grant never was or has ended by time. */
  readGrant(grantId: string): Promise<GrantRecord | undefined>
  /**
   * Gives a grant its first refresh token, lists it under its subject, and revokes the least recently used
   * grants of the same subject and client beyond `limit`. `grant` is the record as the caller read it.
   */
  activateGrant(
    grant: Pick<GrantRecord, 'id' | 'subject' | 'clientId' | 'expiresAt'>,
    refreshHash: string,
    ttl: number,
    limit: number,
  ): Promise<ActivationOutcome>
  /**
   * Exchanges a refresh token for its successor (RFC 9700 §4.14.2). The immediate predecessor, presented again
   * within `grace` of its rotation and before its successor was used, gets the same successor again; anything
   * older revokes the grant.
   */
  rotateRefreshToken(grantId: string, rotation: RefreshRotation): Promise<RotationOutcome>
  /** Notes that the grant was used; at most once a minute and never worth failing a call for. */
  touchGrant(grantId: string): Promise<void>
  /** Takes the right to renew the upstream token, for `ttl`. False when somebody else has it. */
  lockUpstream(grantId: string, owner: string, ttl: number): Promise<boolean>
  /** Gives the right back; does nothing when `owner` no longer has it. */
  unlockUpstream(grantId: string, owner: string): Promise<void>
  /**
   * Notes that a renewal of generation `generation` is on its way to Sentry, so that whoever comes after a crash
   * knows that its outcome is unknown.
   */
  markUpstreamRenewal(grantId: string, generation: number): Promise<void>
  /**
   * Replaces the upstream tokens if they are still of generation `generation`; the next one is one higher. A
   * grant that was asked to sign in over that generation is active again: its tokens proved to be alive.
   */
  commitUpstream(
    grantId: string,
    generation: number,
    upstream: NewUpstream,
  ): Promise<'committed' | 'stale' | 'gone'>
  /**
   * Marks a grant whose upstream token is dead: its user must sign in again. Only if the grant is not revoked and
   * the upstream tokens are still of generation `generation`; false otherwise.
   */
  requireSignIn(grantId: string, generation: number): Promise<boolean>
  /**
   * Ends a grant, drops its secrets, and keeps a tombstone for a day. Returns what it was, if it was there; a
   * grant that was revoked before keeps its reason.
   */
  revokeGrant(grantId: string, reason: RevocationReason): Promise<GrantRecord | undefined>
  /** The grants of a subject that are active or ask for sign-in, newest first. */
  listGrants(subject: string): Promise<GrantRecord[]>
  /**
   * A part of all grants that are not revoked, redeemed or not, in no order. It begins without a cursor and goes
   * on with the `next` of the part before, until that is undefined. A grant that is there all along comes at
   * least once; a part may be empty.
   */
  scanGrants(cursor?: string): Promise<{ grants: GrantRecord[]; next: string | undefined }>
  /** Replaces sealed upstream tokens by the same ones under another key, unless they have changed meanwhile. */
  resealUpstream(grantId: string, sealed: string, resealed: string): Promise<boolean>

  /** Closes what the store itself opened. */
  close(): Promise<void>
}

/** A registration that does not fit into a client id, or has a secret (RFC 7591 §2). */
export interface ClientRecord {
  name: string
  redirectUris: string[]
  tokenEndpointAuthMethod: string
  /** SHA-256 of its secret; only where it has one. */
  secretHash?: string
}

export interface TransactionRecord {
  /** SHA-256 of the secret in the browser's cookie. */
  browserHash: string
  /** The transaction's own content, sealed. */
  sealed: string
}

export type TransactionOutcome =
  | { outcome: 'ok'; sealed: string }
  /** Never was, has ended, or somebody took it. */
  | { outcome: 'missing' }
  /** It is there, for the browser it was begun in. */
  | { outcome: 'other_browser' }
  /** It is there and waits for the user's consent; only `takeTransaction` answers this. */
  | { outcome: 'not_approved' }

export interface CodeRecord {
  clientId: string
  redirectUriHash: string
  /** The S256 challenge of the authorization request. */
  codeChallenge: string
  grantId: string
  /** The protected resource that was granted. */
  resource: string
}

export interface CodeProof {
  clientId: string
  /** Undefined when the client sent none, which OAuth 2.1 allows. */
  redirectUriHash: string | undefined
  /** S256 of the verifier that the client presents. */
  codeChallenge: string
  /** Undefined when the client named none. */
  resource: string | undefined
}

export type CodeOutcome =
  | { outcome: 'redeemed' | 'replayed' | 'wrong_verifier' | 'wrong_redirect_uri'; grantId: string }
  | { outcome: 'missing' | 'other_client' | 'other_resource' }

export type GrantStatus = 'active' | 'sign_in_required' | 'revoked'

export type RevocationReason =
  | 'client_request'
  | 'code_replayed'
  | 'refresh_token_reused'
  | 'superseded'
  | 'user_request'
  | 'operator_request'

/** Consent of one user for one client and one resource, with the upstream tokens that serve it. */
export interface GrantRecord {
  id: string
  status: GrantStatus
  /** Why it was revoked; only with status `revoked`. */
  reason?: RevocationReason
  clientId: string
  clientName: string
  /** The user, by their id at Sentry; never an address. */
  subject: string
  /** The protected resource (RFC 8707), which is the audience of its access tokens. */
  resource: string
  /** The one organization that Sentry limits our application to, by its id at Sentry. */
  organizationId?: string
  scope: string[]
  skills: string[]
  createdAt: number
  lastUsedAt: number
  /** The end of the grant however often it is refreshed. */
  expiresAt: number
  upstream: UpstreamRecord
}

export interface UpstreamRecord {
  /** Sentry's access and refresh token, sealed; empty in a revoked grant. */
  sealed: string
  /** When Sentry's access token ends; undefined when Sentry did not say. */
  expiresAt: number | undefined
  /** Counts the renewals; a write must name the one it read. */
  generation: number
  /** When a renewal of this generation was begun that has not been committed. */
  renewalStartedAt: number | undefined
}

export type NewUpstream = Pick<UpstreamRecord, 'sealed' | 'expiresAt'>

export type ActivationOutcome =
  /** With the grants that had to make room, as they were before they were revoked. */
  | { outcome: 'activated'; superseded: GrantRecord[] }
  /** The grant is gone, is not active, or has a refresh token already. */
  | { outcome: 'refused' }

export interface RefreshRotation {
  clientId: string
  presentedHash: string
  nextHash: string
  /** The successor, sealed so that only a holder of the presented token can open it. */
  capsule: string
  grace: number
  /** How long the grant stays without use; the store never extends it beyond the grant's `expiresAt`. */
  ttl: number
}

export type RotationOutcome =
  | { outcome: 'rotated' }
  /** The same successor as before, in the capsule of the first rotation. */
  | { outcome: 'repeated'; capsule: string }
  /** An old token outside its grace: the grant has been revoked by this call. */
  | { outcome: 'reused' }
  | { outcome: 'missing' | 'other_client' | 'revoked' | 'sign_in_required' }

/** How long a revoked grant stays known: as long as the longest access token that may name it. */
export const TOMBSTONE_TTL = 86_400_000

/** How often `readClient` moves the end of a client at most. */
export const CLIENT_TOUCH_INTERVAL = 86_400_000

/** How often `touchGrant` writes at most. */
export const TOUCH_INTERVAL = 60_000

/** The store did not respond in time, refused, or is unreachable. The operation may have happened. */
export class StoreUnavailableError extends TransientError {
  constructor(cause: unknown) {
    const publicMessage = 'The server cannot reach its data. Try again in a moment.'
    super('The store is unavailable.', { publicMessage, cause })
  }
}
