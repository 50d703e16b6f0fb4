import { TransientError } from '../errors.ts'

/**
 * The state of the service, as the operations its protocols need. Every operation is atomic, and every record
 * expires. Implementations do no cryptography: identifiers arrive as SHA-256 hashes (`hashToken`), confidential values
 * as sealed strings, so neither a key name nor a value reveals a secret.
 *
 * Any operation may throw `StoreUnavailableError`. The operation may have taken effect then; callers must not treat it
 * as "not found". Times are milliseconds since the epoch, and those that the store sets are of its own clock; durations
 * are milliseconds.
 */
export interface Store {
  readonly kind: 'redis' | 'embedded'

  /** Resolves when the store responds; used for readiness. */
  ping(): Promise<void>

  /** Writes a registered client. It expires after `ttlMs` unless it is read. */
  saveClient(id: string, client: ClientRecord, ttlMs: number): Promise<void>
  /** A registered client. Reading extends its life to `ttlMs` from now, at most once a day. */
  readClient(id: string, ttlMs: number): Promise<ClientRecord | undefined>
  /**
   * Records for `ttlMs` that a client assertion was used (RFC 7523 §3, jti). Of any number of concurrent callers
   * exactly one gets true.
   */
  spendAssertion(assertionHash: string, ttlMs: number): Promise<boolean>

  /** Writes a transaction in stage `pending`. */
  saveTransaction(idHash: string, transaction: TransactionRecord, ttlMs: number): Promise<void>
  /** Reads a transaction without changing it. `browserHash` must be that of the browser that began it. */
  readTransaction(idHash: string, browserHash: string): Promise<TransactionOutcome>
  /** Moves a transaction to stage `approved` and replaces what it seals. Approving twice is allowed. */
  approveTransaction(idHash: string, browserHash: string, sealed: string): Promise<TransactionOutcome>
  /** Removes an approved transaction and returns it: to exactly one caller, and only in the right browser. */
  takeTransaction(idHash: string, browserHash: string): Promise<TransactionOutcome>
  /** Removes a transaction in any stage, for a user who denies consent. */
  denyTransaction(idHash: string, browserHash: string): Promise<TransactionOutcome>

  /** Writes an authorization code. */
  saveCode(codeHash: string, code: CodeRecord, ttlMs: number): Promise<void>
  /**
   * Redeems an authorization code (RFC 6749 §4.1.3). Client, resource, verifier and redirect URI are compared in this
   * order, whether or not the code is spent, and a wrong one changes nothing (RFC 7636 §4.6, RFC 8707 §2.2). Of any
   * number of concurrent callers with the right proof exactly one redeems the code. A spent code stays known for
   * `tombstoneTtlMs`, so that a repeat can be told from an unknown code.
   */
  redeemCode(codeHash: string, proof: CodeProof, tombstoneTtlMs: number): Promise<CodeOutcome>

  /** Writes a grant that is not redeemed yet. It expires after `ttlMs` unless `activateGrant` follows. */
  createGrant(grant: GrantRecord, ttlMs: number): Promise<void>
  /** The only read of a tool call. `undefined` when the grant is unknown or has expired. */
  readGrant(grantId: string): Promise<GrantRecord | undefined>
  /**
   * Gives a grant, as it was read, its first refresh token, lists it under its subject, and revokes the least recently
   * used grants beyond `limit` of the same subject and client, and beyond `MAX_GRANTS_PER_SUBJECT` of the subject.
   */
  activateGrant(
    grant: GrantIdentity,
    refreshHash: string,
    ttlMs: number,
    limit: number,
  ): Promise<ActivationOutcome>
  /**
   * Exchanges a refresh token for its successor (RFC 9700 §4.14.2). The immediate predecessor, presented again within
   * `graceMs` of its rotation and before its successor was used, gets the same successor again; anything older revokes
   * the grant.
   */
  rotateRefreshToken(grantId: string, rotation: RefreshRotation): Promise<RotationOutcome>
  /** Whether the first refresh token of a grant was used. False for a grant that is unknown or revoked. */
  hasRotated(grantId: string): Promise<boolean>
  /** Records that the grant was used, at most once a minute. No call should fail when this does. */
  touchGrant(grantId: string): Promise<void>
  /** Records that Sentry takes no requests of a user until a time, unless a later one is recorded already. */
  deferUpstream(subject: string, until: number): Promise<void>
  /** Until when Sentry takes no requests of a user. Read while the grant is, so it costs no round trip of its own. */
  readDeferral(subject: string): Promise<number | undefined>
  /** Locks the renewal of the upstream token for `ttlMs`. False when another owner holds the lock. */
  lockUpstream(grantId: string, owner: string, ttlMs: number): Promise<boolean>
  /** Releases the lock; does nothing when `owner` no longer holds it. */
  unlockUpstream(grantId: string, owner: string): Promise<void>
  /**
   * Records that a renewal of generation `generation` has been sent to Sentry, so that after a crash another instance
   * knows that its outcome is unknown.
   */
  markUpstreamRenewal(grantId: string, generation: number): Promise<void>
  /**
   * Replaces the upstream tokens if they are still of generation `generation`, and increments the generation. A grant
   * that required sign-in because of that generation is active again: its tokens were good after all.
   */
  commitUpstream(
    grantId: string,
    generation: number,
    upstream: NewUpstream,
  ): Promise<'committed' | 'stale' | 'gone'>
  /**
   * Marks that the user has to sign in again, because the upstream token is invalid. Only if the grant is not revoked
   * and the upstream tokens are still of generation `generation`; false otherwise.
   */
  requireSignIn(grantId: string, generation: number): Promise<boolean>
  /**
   * Revokes a grant, deletes its secrets, and keeps a tombstone for a day. Returns the grant as it was; one that was
   * revoked before keeps its reason.
   */
  revokeGrant(grantId: string, reason: RevocationReason): Promise<GrantRecord | undefined>
  /** The redeemed grants of a subject that are not revoked, newest first. */
  listGrants(subject: string): Promise<GrantRecord[]>
  /**
   * A page of all grants that are not revoked, redeemed or not, unordered. The first call has no cursor, the following
   * ones the `next` of the page before, until it is undefined. A grant that exists throughout is returned at least
   * once; a page may be empty.
   */
  scanGrants(cursor?: string): Promise<{ grants: GrantRecord[]; next: string | undefined }>
  /** Replaces sealed upstream tokens by the same ones under another key. False when they have changed meanwhile. */
  replaceSealedUpstream(grantId: string, sealed: string, resealed: string): Promise<boolean>

  /** Releases what the store opened itself. */
  close(): Promise<void>
}

/** A registration that does not fit into a client id (RFC 7591 §2). */
export interface ClientRecord {
  name: string
  redirectUris: string[]
  tokenEndpointAuthMethod: string
  /** Authenticates the other fields. */
  seal: string
}

export interface TransactionRecord {
  /** SHA-256 of the secret in the browser's cookie. */
  browserHash: string
  /** The content of the transaction, sealed. */
  sealed: string
}

export type TransactionOutcome =
  | { outcome: 'ok'; sealed: string }
  /** Unknown, expired, or already taken. */
  | { outcome: 'missing' }
  /** It exists, but another browser began it. */
  | { outcome: 'other_browser' }
  /** It exists and waits for the user's consent; returned by `takeTransaction` only. */
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
  /** Undefined when the client omitted it, which OAuth 2.1 allows. */
  redirectUriHash: string | undefined
  /** S256 of the verifier that the client presents. */
  codeChallenge: string
  /** Undefined when the client omitted it. */
  resource: string | undefined
}

export type CodeOutcome =
  | { outcome: 'redeemed'; grantId: string }
  /** The same proof again, so long after the code was spent. */
  | { outcome: 'repeated'; grantId: string; elapsedMs: number }
  | { outcome: 'missing' | 'other_client' | 'other_resource' | 'wrong_verifier' | 'wrong_redirect_uri' }

export type GrantStatus = 'active' | 'sign_in_required' | 'revoked'

export type RevocationReason =
  | 'client_request'
  | 'code_replayed'
  | 'refresh_token_reused'
  | 'superseded'
  | 'user_request'
  | 'operator_request'

/** The consent of one user to one client for one resource, with the user's upstream tokens. */
export interface GrantRecord {
  id: string
  status: GrantStatus
  /** Why it was revoked; only with status `revoked`. */
  reason?: RevocationReason
  clientId: string
  clientName: string
  /** How the client authenticated at sign-in: a public client stays one for as long as the grant lasts. */
  clientAuthMethod: string
  /** The user's id at Sentry; never an email address. */
  subject: string
  /** The protected resource (RFC 8707), which is the audience of its access tokens. */
  resource: string
  /** The id of the only organization that Sentry limits the OAuth application to. */
  organizationId?: string
  scope: string[]
  skills: string[]
  createdAt: number
  lastUsedAt: number
  /** When the grant expires, however often it is refreshed. */
  expiresAt: number
  upstream: UpstreamRecord
}

/** What of a grant never changes and places it in the store. */
export type GrantIdentity = Pick<GrantRecord, 'id' | 'clientId' | 'subject' | 'expiresAt'>

export interface UpstreamRecord {
  /** Sentry's access and refresh token, sealed; empty in a revoked grant. */
  sealed: string
  /** When Sentry's access token expires; undefined when Sentry did not say. */
  expiresAt: number | undefined
  /** Number of renewals; a write must name the one it read. */
  generation: number
  /** When a renewal of this generation was started, unless it was committed. */
  renewalStartedAt: number | undefined
}

export type NewUpstream = Pick<UpstreamRecord, 'sealed' | 'expiresAt'>

export type ActivationOutcome =
  /** With the grants beyond the limit, as they were before they were revoked. */
  | { outcome: 'activated'; superseded: GrantRecord[] }
  /** The grant is unknown, is not active, or already has a refresh token. */
  | { outcome: 'refused' }

export interface RefreshRotation {
  clientId: string
  presentedHash: string
  nextHash: string
  /** The successor, sealed with the presented token as the key. */
  sealedSuccessor: string
  graceMs: number
  /** How long the grant may stay unused; never extended beyond the grant's `expiresAt`. */
  ttlMs: number
}

export type RotationOutcome =
  | { outcome: 'rotated' }
  /** The same successor as before, as the first rotation sealed it. `repeats` counts those of this token. */
  | { outcome: 'repeated'; sealedSuccessor: string; repeats: number }
  /** An old token outside its grace: this call has revoked the grant. */
  | { outcome: 'reused' }
  | { outcome: 'missing' | 'other_client' | 'revoked' | 'sign_in_required' }

/** How long a revoked grant stays known: as long as the longest-lived access token that can name it. */
export const TOMBSTONE_TTL_MS = 86_400_000

/** `readClient` extends the life of a client at most this often. */
export const CLIENT_TOUCH_INTERVAL_MS = 86_400_000

/** How many redeemed grants a user may have. Client ids are free, so a limit for each client alone would bound nothing. */
export const MAX_GRANTS_PER_SUBJECT = 200

/** `touchGrant` writes at most this often. */
export const GRANT_TOUCH_INTERVAL_MS = 60_000

/** The store did not respond in time, refused, or is unreachable. The operation may have happened. */
export class StoreUnavailableError extends TransientError {
  constructor(cause: unknown) {
    const publicMessage = 'The server cannot reach its data. Try again in a moment.'
    super('The store is unavailable.', { publicMessage, cause })
  }
}

/** Every grant that is not revoked, each once, unordered. Throws `StoreUnavailableError`. */
export async function* iterateGrants(store: Pick<Store, 'scanGrants'>): AsyncGenerator<GrantRecord> {
  const seen = new Set<string>()
  let cursor: string | undefined
  do {
    const { grants, next } = await store.scanGrants(cursor)
    for (const grant of grants) {
      if (!seen.has(grant.id)) yield grant
      seen.add(grant.id)
    }
    cursor = next
  } while (cursor !== undefined)
}
