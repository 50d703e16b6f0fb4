import {
  type ActivationOutcome,
  CLIENT_TOUCH_INTERVAL_MS,
  type ClientRecord,
  type CodeOutcome,
  type CodeRecord,
  GRANT_TOUCH_INTERVAL_MS,
  type GrantRecord,
  MAX_GRANTS_PER_SUBJECT,
  type RefreshRotation,
  type RevocationReason,
  type RotationOutcome,
  type Store,
  TOMBSTONE_TTL_MS,
  type TransactionOutcome,
  type TransactionRecord,
} from '../store.ts'
import { applyTimeouts } from '../timeouts.ts'
import { type ExpiringRecord, openRecordTable } from './database.ts'

interface StoredClient extends ExpiringRecord {
  client: ClientRecord
}

interface StoredTransaction extends TransactionRecord, ExpiringRecord {
  stage: 'pending' | 'approved'
}

interface StoredCode extends CodeRecord, ExpiringRecord {
  /** Absent until it is redeemed. A spent code keeps what a repeat is compared with. */
  spentAt?: number
}

interface StoredGrant extends ExpiringRecord {
  subject: string
  grant: GrantRecord
  /** Hashes of the refresh tokens. Absent until the grant is activated, and after it is revoked. */
  refresh?: { current: string; previous?: PreviousToken }
}

interface PreviousToken {
  hash: string
  rotatedAt: number
  sealedSuccessor: string
  /** How often it was presented again. */
  repeats: number
}

interface StoredLock extends ExpiringRecord {
  owner: string
}

interface Records {
  client: StoredClient
  assertion: ExpiringRecord
  transaction: StoredTransaction
  code: StoredCode
  grant: StoredGrant
  upstreamLock: StoredLock
  /** Ends when it expires. */
  deferral: ExpiringRecord
}

/** How often expired records are removed. */
const SWEEP_INTERVAL_MS = 60_000

/**
 * A store in one SQLite file under `directory`, for one process. Acknowledged operations survive a crash of the process
 * and a power failure. Throws `EmbeddedStoreError` when the file cannot be used, or another process uses it; if the disk
 * fails later, operations throw `StoreUnavailableError`.
 */
export function createEmbeddedStore({ directory }: { directory: string }): Store {
  const records = openRecordTable<Records>(directory)
  const { read, write, remove, transact } = records
  const sweeper = setInterval(sweep, SWEEP_INTERVAL_MS).unref()
  sweep()

  function sweep(): void {
    try {
      records.sweep()
    } catch {
      // Expired records are invisible anyway; the next sweep tries again.
    }
  }

  function withTransaction(
    idHash: string,
    browserHash: string,
    act: (transaction: StoredTransaction) => TransactionOutcome,
  ): TransactionOutcome {
    return transact(() => {
      const transaction = read('transaction', idHash)
      if (transaction === undefined) return { outcome: 'missing' }
      return transaction.browserHash === browserHash ? act(transaction) : { outcome: 'other_browser' }
    })
  }

  function updateGrant(stored: StoredGrant, changes: Partial<GrantRecord>): void {
    write('grant', stored.grant.id, { ...stored, grant: { ...stored.grant, ...changes } })
  }

  function revoke(stored: StoredGrant, reason: RevocationReason): void {
    const { subject, grant } = stored
    const upstream = { ...grant.upstream, sealed: '', expiresAt: undefined, renewalStartedAt: undefined }
    write('grant', grant.id, {
      subject,
      grant: { ...grant, status: 'revoked', reason, upstream },
      expiresAt: Date.now() + TOMBSTONE_TTL_MS,
    })
  }

  /** The redeemed grants of a subject that are not revoked. */
  function readRedeemed(subject: string): StoredGrant[] {
    return records.readSubject('grant', subject).filter(({ refresh }) => refresh !== undefined)
  }

  function rotate(stored: StoredGrant, rotation: RefreshRotation): RotationOutcome {
    const { grant, refresh } = stored
    const { presentedHash, nextHash, sealedSuccessor, graceMs, ttlMs } = rotation
    if (grant.clientId !== rotation.clientId) return { outcome: 'other_client' }
    if (grant.status !== 'active') return { outcome: grant.status }
    if (refresh === undefined) return { outcome: 'missing' }
    const now = Date.now()
    if (refresh.current === presentedHash) {
      const previous = { hash: presentedHash, rotatedAt: now, sealedSuccessor, repeats: 0 }
      write('grant', grant.id, {
        ...stored,
        grant: { ...grant, lastUsedAt: now },
        refresh: { current: nextHash, previous },
        expiresAt: Math.min(now + ttlMs, grant.expiresAt),
      })
      return { outcome: 'rotated' }
    }
    // The previous token is accepted only while its successor is the current one.
    const { previous } = refresh
    if (previous?.hash === presentedHash && now - previous.rotatedAt < graceMs) {
      const repeats = previous.repeats + 1
      write('grant', grant.id, { ...stored, refresh: { ...refresh, previous: { ...previous, repeats } } })
      return { outcome: 'repeated', sealedSuccessor: previous.sealedSuccessor, repeats }
    }
    revoke(stored, 'refresh_token_reused')
    return { outcome: 'reused' }
  }

  const operations: Omit<Store, 'kind' | 'close'> = {
    async ping() {
      read('grant', '')
    },

    async saveClient(id, client, ttlMs) {
      write('client', id, { client, expiresAt: Date.now() + ttlMs })
    },

    async readClient(id, ttlMs) {
      return transact(() => {
        const stored = read('client', id)
        if (stored === undefined) return undefined
        const expiresAt = Date.now() + ttlMs
        if (expiresAt - stored.expiresAt >= CLIENT_TOUCH_INTERVAL_MS)
          write('client', id, { ...stored, expiresAt })
        return stored.client
      })
    },

    async spendAssertion(assertionHash, ttlMs) {
      return transact(() => {
        if (read('assertion', assertionHash) !== undefined) return false
        write('assertion', assertionHash, { expiresAt: Date.now() + ttlMs })
        return true
      })
    },

    async saveTransaction(idHash, transaction, ttlMs) {
      write('transaction', idHash, { ...transaction, stage: 'pending', expiresAt: Date.now() + ttlMs })
    },

    async readTransaction(idHash, browserHash) {
      return withTransaction(idHash, browserHash, ({ sealed }) => ({ outcome: 'ok', sealed }))
    },

    async approveTransaction(idHash, browserHash, sealed) {
      return withTransaction(idHash, browserHash, (transaction) => {
        write('transaction', idHash, { ...transaction, stage: 'approved', sealed })
        return { outcome: 'ok', sealed }
      })
    },

    async takeTransaction(idHash, browserHash) {
      return withTransaction(idHash, browserHash, ({ stage, sealed }) => {
        if (stage !== 'approved') return { outcome: 'not_approved' }
        remove('transaction', idHash)
        return { outcome: 'ok', sealed }
      })
    },

    async denyTransaction(idHash, browserHash) {
      return withTransaction(idHash, browserHash, ({ sealed }) => {
        remove('transaction', idHash)
        return { outcome: 'ok', sealed }
      })
    },

    async saveCode(codeHash, code, ttlMs) {
      write('code', codeHash, { ...code, expiresAt: Date.now() + ttlMs })
    },

    async redeemCode(codeHash, proof, tombstoneTtlMs) {
      return transact((): CodeOutcome => {
        const code = read('code', codeHash)
        if (code === undefined) return { outcome: 'missing' }
        if (code.clientId !== proof.clientId) return { outcome: 'other_client' }
        if (![undefined, code.resource].includes(proof.resource)) return { outcome: 'other_resource' }
        if (code.codeChallenge !== proof.codeChallenge) return { outcome: 'wrong_verifier' }
        const isRightRedirect = [undefined, code.redirectUriHash].includes(proof.redirectUriHash)
        if (!isRightRedirect) return { outcome: 'wrong_redirect_uri' }
        const { grantId, spentAt } = code
        const now = Date.now()
        if (spentAt !== undefined) return { outcome: 'repeated', grantId, elapsedMs: now - spentAt }
        write('code', codeHash, { ...code, spentAt: now, expiresAt: now + tombstoneTtlMs })
        return { outcome: 'redeemed', grantId }
      })
    },

    async createGrant(grant, ttlMs) {
      const expiresAt = Math.min(Date.now() + ttlMs, grant.expiresAt)
      write('grant', grant.id, { subject: grant.subject, grant, expiresAt })
    },

    async readGrant(grantId) {
      return read('grant', grantId)?.grant
    },

    async activateGrant({ id }, refreshHash, ttlMs, limit) {
      return transact((): ActivationOutcome => {
        const stored = read('grant', id)
        if (stored?.grant.status !== 'active' || stored.refresh !== undefined) return { outcome: 'refused' }
        const now = Date.now()
        const { subject, grant } = stored
        write('grant', id, {
          subject,
          grant: { ...grant, lastUsedAt: now },
          refresh: { current: refreshHash },
          expiresAt: Math.min(now + ttlMs, grant.expiresAt),
        })
        const redeemed = readRedeemed(subject).sort(
          (one, other) => other.grant.lastUsedAt - one.grant.lastUsedAt,
        )
        const ofClient = redeemed.filter((other) => other.grant.clientId === grant.clientId)
        const surplus = new Set([...ofClient.slice(limit), ...redeemed.slice(MAX_GRANTS_PER_SUBJECT)])
        for (const other of surplus) revoke(other, 'superseded')
        return { outcome: 'activated', superseded: [...surplus].map((other) => other.grant) }
      })
    },

    async rotateRefreshToken(grantId, rotation) {
      return transact(() => {
        const stored = read('grant', grantId)
        return stored === undefined ? { outcome: 'missing' } : rotate(stored, rotation)
      })
    },

    async deferUpstream(subject, until) {
      transact(() => {
        const expiresAt = Math.round(until)
        if (expiresAt > (read('deferral', subject)?.expiresAt ?? 0)) write('deferral', subject, { expiresAt })
      })
    },

    async readDeferral(subject) {
      return read('deferral', subject)?.expiresAt
    },

    async hasRotated(grantId) {
      return read('grant', grantId)?.refresh?.previous !== undefined
    },

    async touchGrant(grantId) {
      transact(() => {
        const stored = read('grant', grantId)
        const now = Date.now()
        if (stored?.grant.status !== 'active' || now - stored.grant.lastUsedAt < GRANT_TOUCH_INTERVAL_MS)
          return
        updateGrant(stored, { lastUsedAt: now })
      })
    },

    async lockUpstream(grantId, owner, ttlMs) {
      return transact(() => {
        if (read('upstreamLock', grantId) !== undefined) return false
        write('upstreamLock', grantId, { owner, expiresAt: Date.now() + ttlMs })
        return true
      })
    },

    async unlockUpstream(grantId, owner) {
      transact(() => {
        if (read('upstreamLock', grantId)?.owner === owner) remove('upstreamLock', grantId)
      })
    },

    async markUpstreamRenewal(grantId, generation) {
      transact(() => {
        const stored = read('grant', grantId)
        if (stored?.grant.status !== 'active' || stored.grant.upstream.generation !== generation) return
        updateGrant(stored, { upstream: { ...stored.grant.upstream, renewalStartedAt: Date.now() } })
      })
    },

    async commitUpstream(grantId, generation, { sealed, expiresAt }) {
      return transact(() => {
        const stored = read('grant', grantId)
        if (stored === undefined || stored.grant.status === 'revoked') return 'gone'
        if (stored.grant.upstream.generation !== generation) return 'stale'
        const upstream = {
          ...stored.grant.upstream,
          ...{ sealed, expiresAt, generation: generation + 1, renewalStartedAt: undefined },
        }
        updateGrant(stored, { status: 'active', upstream })
        return 'committed'
      })
    },

    async requireSignIn(grantId, generation) {
      return transact(() => {
        const stored = read('grant', grantId)
        if (stored === undefined || stored.grant.status === 'revoked') return false
        if (stored.grant.upstream.generation !== generation) return false
        updateGrant(stored, { status: 'sign_in_required' })
        return true
      })
    },

    async revokeGrant(grantId, reason) {
      return transact(() => {
        const stored = read('grant', grantId)
        if (stored !== undefined && stored.grant.status !== 'revoked') revoke(stored, reason)
        return stored?.grant
      })
    },

    async listGrants(subject) {
      return readRedeemed(subject)
        .map(({ grant }) => grant)
        .sort((one, other) => other.createdAt - one.createdAt)
    },

    async scanGrants(cursor) {
      const { found, next } = records.scan('grant', cursor)
      return { grants: found.map(({ grant }) => grant).filter(({ status }) => status !== 'revoked'), next }
    },

    async replaceSealedUpstream(grantId, sealed, resealed) {
      return transact(() => {
        const stored = read('grant', grantId)
        if (stored === undefined || stored.grant.upstream.sealed !== sealed) return false
        updateGrant(stored, { upstream: { ...stored.grant.upstream, sealed: resealed } })
        return true
      })
    },
  }

  return {
    kind: 'embedded',
    ...applyTimeouts(operations),
    async close() {
      clearInterval(sweeper)
      records.close()
    },
  }
}
