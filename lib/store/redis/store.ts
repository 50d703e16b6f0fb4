import { Cluster, type Redis } from 'ioredis'
import { hashToken } from '../../crypto/hash.ts'
import { createKeys } from '../keys.ts'
import {
  type ActivationOutcome,
  type GrantIdentity,
  type GrantRecord,
  MAX_GRANTS_PER_SUBJECT,
  type RevocationReason,
  type Store,
  type TransactionOutcome,
} from '../store.ts'
import { applyTimeouts } from '../timeouts.ts'
import { listPrimaries } from './cluster.ts'
import { formatGrant, GRANT_FIELDS, parseGrant } from './grant.ts'
import * as scripts from './scripts.ts'

/**
 * A store on Redis 7.0, Valkey 8 or newer, for any number of processes; docs/storage.md describes its keys. The caller
 * closes the client. Every key begins with `prefix`.
 *
 * Every failure is a `StoreUnavailableError`: no connection, no response within 2 s, an error reply (OOM, READONLY,
 * LOADING, NOAUTH). No command is sent twice, since a script without a response may have run.
 */
export function createRedisStore(redis: Redis | Cluster, { prefix }: { prefix: string }): Store {
  const keys = createKeys(prefix)

  async function run<Result>(
    script: scripts.RedisScript<Result>,
    key: string,
    ...args: (string | number)[]
  ): Promise<Result> {
    let reply: unknown
    try {
      reply = await redis.evalsha(script.sha, 1, key, ...args)
    } catch (error) {
      // The only error reply that guarantees that nothing ran.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      reply = await redis.eval(script.lua, 1, key, ...args)
    }
    return JSON.parse(String(reply))
  }

  async function readGrant(grantId: string): Promise<GrantRecord | undefined> {
    return parseGrant(grantId, await redis.hmget(keys.grant(grantId), ...GRANT_FIELDS))
  }

  /** The redeemed grants of a subject. Removes expired and revoked ones from the index. */
  async function listGrants(subject: string): Promise<GrantRecord[]> {
    const key = keys.subject(subject)
    const names = await redis.zrange(key, 0, '-1')
    const entries = await Promise.all(names.map(readIndexed))
    const ended = entries.filter(({ grant }) => !isNotRevoked(grant))
    if (ended.length > 0) await redis.zrem(key, ...ended.map(({ entry }) => entry))
    return entries
      .flatMap(({ grant, isRedeemed }) => (grant !== undefined && isRedeemed ? [grant] : []))
      .sort((one, other) => other.createdAt - one.createdAt)
  }

  async function readIndexed(entry: string) {
    const id = parseGrantId(entry)
    const values = await redis.hmget(keys.grant(id), ...GRANT_FIELDS, 'hash')
    return { entry, grant: parseGrant(id, values), isRedeemed: values.at(-1) != null }
  }

  /**
   * Reads the index alone, whose entries are in the order of their last use: a sign-in costs the same however many
   * grants its user has. An entry leaves the index only once its grant is revoked, so a crash in between hides nothing.
   */
  async function supersede({ subject, clientId }: GrantIdentity, limit: number): Promise<GrantRecord[]> {
    const key = keys.subject(subject)
    const limits = [limit, MAX_GRANTS_PER_SUBJECT]
    const surplus = await run(scripts.findSurplus, key, formatClientPart(clientId), ...limits)
    if (surplus.length === 0) return []
    const ended = await Promise.all(surplus.map((entry) => revokeRecord(parseGrantId(entry), 'superseded')))
    await redis.zrem(key, ...surplus)
    // Of concurrent sign-ins, only the one that revoked a grant reports it.
    return ended.filter(isNotRevoked)
  }

  /** Fire and forget: the order of the index decides only which of too many grants is superseded. */
  function touchListed(subject: string, grant: Pick<GrantIdentity, 'id' | 'clientId'>): void {
    run(scripts.touchListed, keys.subject(subject), formatEntry(grant)).catch(() => undefined)
  }

  /** A revoked grant must not count towards the limits of its subject. */
  async function revokeGrant(grantId: string, reason: RevocationReason): Promise<GrantRecord | undefined> {
    const grant = await revokeRecord(grantId, reason)
    if (isNotRevoked(grant))
      await redis.zrem(keys.subject(grant.subject), formatEntry(grant)).catch(() => undefined)
    return grant
  }

  async function revokeRecord(grantId: string, reason: RevocationReason): Promise<GrantRecord | undefined> {
    return parseGrant(grantId, (await run(scripts.revokeGrant, keys.grant(grantId), reason)) ?? [])
  }

  // Each round trip has its own timeout. With one for all, a distant Redis could spend a code and never activate its
  // grant.
  const steps = applyTimeouts({
    list: (grant: GrantIdentity) =>
      run(scripts.listGrant, keys.subject(grant.subject), formatEntry(grant), grant.expiresAt),
    activate: (grantId: string, refreshHash: string, ttlMs: number) =>
      run(scripts.activateGrant, keys.grant(grantId), shortenHash(refreshHash), ttlMs),
    supersede,
  })

  // The index of the subject is in another slot than the grant. It is written first: a crash in between leaves an entry
  // for a grant that is not redeemed, which no list shows and which is removed once it has expired. In the other order
  // an active grant could be missing from its user's list.
  async function activateGrant(
    grant: GrantIdentity,
    refreshHash: string,
    ttlMs: number,
    limit: number,
  ): Promise<ActivationOutcome> {
    await steps.list(grant)
    if (!(await steps.activate(grant.id, refreshHash, ttlMs))) return { outcome: 'refused' }
    // This sign-in has succeeded; the next one supersedes what remains beyond the limit.
    return { outcome: 'activated', superseded: await steps.supersede(grant, limit).catch(() => []) }
  }

  const operations: Omit<Store, 'kind' | 'close' | 'activateGrant'> = {
    async ping() {
      if (redis instanceof Cluster) await pingCluster(redis)
      else await redis.ping()
    },

    async saveClient(id, client, ttlMs) {
      await redis.set(keys.client(id), JSON.stringify(client), 'PX', ttlMs)
    },

    async readClient(id, ttlMs) {
      return (await run(scripts.readClient, keys.client(id), ttlMs)) ?? undefined
    },

    async spendAssertion(assertionHash, ttlMs) {
      return (await redis.set(keys.assertion(assertionHash), '1', 'PX', ttlMs, 'NX')) === 'OK'
    },

    async saveTransaction(idHash, { browserHash, sealed }, ttlMs) {
      await run(scripts.saveTransaction, keys.transaction(idHash), browserHash, sealed, ttlMs)
    },

    async readTransaction(idHash, browserHash): Promise<TransactionOutcome> {
      const [owner, sealed] = await redis.hmget(keys.transaction(idHash), 'browser_hash', 'sealed')
      if (owner == null || sealed == null) return { outcome: 'missing' }
      return owner === browserHash ? { outcome: 'ok', sealed } : { outcome: 'other_browser' }
    },

    approveTransaction: (idHash, browserHash, sealed) =>
      run(scripts.approveTransaction, keys.transaction(idHash), browserHash, sealed),

    takeTransaction: (idHash, browserHash) =>
      run(scripts.takeTransaction, keys.transaction(idHash), browserHash),

    denyTransaction: (idHash, browserHash) =>
      run(scripts.denyTransaction, keys.transaction(idHash), browserHash),

    async saveCode(codeHash, { clientId, redirectUriHash, codeChallenge, grantId, resource }, ttlMs) {
      const fields = [clientId, redirectUriHash, codeChallenge, grantId, resource]
      await run(scripts.saveCode, keys.code(codeHash), ttlMs, ...fields)
    },

    redeemCode: (codeHash, { clientId, redirectUriHash, codeChallenge, resource }, tombstoneTtlMs) =>
      run(
        scripts.redeemCode,
        keys.code(codeHash),
        clientId,
        resource ?? '',
        codeChallenge,
        redirectUriHash ?? '',
        tombstoneTtlMs,
      ),

    async createGrant(grant, ttlMs) {
      await run(scripts.createGrant, keys.grant(grant.id), ttlMs, grant.expiresAt, ...formatGrant(grant))
    },

    readGrant,

    async rotateRefreshToken(grantId, rotation) {
      const { clientId, presentedHash, nextHash, sealedSuccessor, graceMs, ttlMs } = rotation
      const hashes = [presentedHash, nextHash].map(shortenHash)
      const times = [graceMs, ttlMs]
      const key = keys.grant(grantId)
      const { subject, ...outcome } = await run(
        scripts.rotateRefreshToken,
        key,
        clientId,
        ...hashes,
        sealedSuccessor,
        ...times,
      )
      if (subject !== undefined) touchListed(subject, { id: grantId, clientId })
      return outcome
    },

    async hasRotated(grantId) {
      return (await redis.hexists(keys.grant(grantId), 'prev')) === 1
    },

    async deferUpstream(subject, until) {
      await run(scripts.deferUpstream, keys.deferral(subject), Math.round(until))
    },

    async readDeferral(subject) {
      return Number(await redis.get(keys.deferral(subject))) || undefined
    },

    async touchGrant(grantId) {
      const touched = await run(scripts.touchGrant, keys.grant(grantId))
      if (touched !== null) touchListed(touched.subject, { id: grantId, clientId: touched.clientId })
    },

    async lockUpstream(grantId, owner, ttlMs) {
      return (await redis.set(keys.upstreamLock(grantId), owner, 'PX', ttlMs, 'NX')) === 'OK'
    },

    async unlockUpstream(grantId, owner) {
      await run(scripts.unlockUpstream, keys.upstreamLock(grantId), owner)
    },

    async markUpstreamRenewal(grantId, generation) {
      await run(scripts.markUpstreamRenewal, keys.grant(grantId), generation)
    },

    commitUpstream: (grantId, generation, { sealed, expiresAt }) =>
      run(scripts.commitUpstream, keys.grant(grantId), generation, sealed, expiresAt ?? ''),

    requireSignIn: (grantId, generation) => run(scripts.requireSignIn, keys.grant(grantId), generation),

    revokeGrant,
    listGrants,

    async scanGrants(cursor) {
      const { names, next } = await scanKeys(redis, keys.grantPattern, cursor)
      const grants = await Promise.all(names.map((name) => readGrant(keys.parseGrantId(name))))
      return { grants: grants.filter(isNotRevoked), next }
    },

    replaceSealedUpstream: (grantId, sealed, resealed) =>
      run(scripts.replaceSealedUpstream, keys.grant(grantId), sealed, resealed),
  }

  return { kind: 'redis', ...applyTimeouts(operations), activateGrant, async close() {} }
}

/** The entry of a grant in the index of its subject: its id, and enough of the hash of its client's id. */
function formatEntry({ id, clientId }: Pick<GrantIdentity, 'id' | 'clientId'>): string {
  return `${id}${formatClientPart(clientId)}`
}

function formatClientPart(clientId: string): string {
  return ` ${shortenHash(hashToken(clientId))}`
}

/** 128 bits of a hash, which are enough: no one can find a second token with the same ones. */
function shortenHash(hash: string): string {
  return hash.slice(0, 22)
}

function parseGrantId(entry: string): string {
  return entry.split(' ')[0] ?? ''
}

/**
 * Resolves while any primary says that the cluster's state is ok. Depending on its configuration that includes missing
 * slots: taking every instance out of service because of them would make matters worse.
 */
async function pingCluster(cluster: Cluster): Promise<void> {
  const nodes = cluster.nodes('master')
  const replies = nodes.length > 0 ? nodes.map((node) => node.cluster('INFO')) : [cluster.cluster('INFO')]
  await Promise.any(replies.map(async (reply) => assertClusterOk(await reply))).catch(() => {
    throw new Error('No primary reports cluster_state:ok.')
  })
}

function assertClusterOk(info: unknown): void {
  if (!String(info).includes('cluster_state:ok')) throw new Error('The cluster state is not ok.')
}

/** How many keys a server examines for one page, which takes it well under a millisecond. */
const SCAN_COUNT = 500

/**
 * A page of the keys that match a glob. The first call has no cursor, the following ones the `next` of the page before.
 * The primaries of a cluster are scanned one after the other; throws when one of them is unavailable. As SCAN promises,
 * a key that exists throughout on one primary is returned at least once.
 */
export async function scanKeys(
  redis: Redis | Cluster,
  glob: string,
  cursor?: string,
): Promise<{ names: string[]; next: string | undefined }> {
  const servers = redis instanceof Cluster ? listPrimaries(redis) : [{ name: '', client: redis }]
  // A position has 64 bits, more than a number can represent.
  const [position = '0', name = servers[0]?.name] = cursor?.split(' ') ?? []
  const index = servers.findIndex((server) => server.name === name)
  const client = servers[index]?.client
  if (client === undefined) throw new Error('A primary of the cluster is unknown or unavailable.')
  const [next, names] = await client.scan(position, 'MATCH', glob, 'COUNT', SCAN_COUNT)
  if (next !== '0') return { names, next: `${next} ${name}` }
  const following = servers[index + 1]
  return { names, next: following && `0 ${following.name}` }
}

function isNotRevoked(grant: GrantRecord | undefined): grant is GrantRecord {
  return grant !== undefined && grant.status !== 'revoked'
}
