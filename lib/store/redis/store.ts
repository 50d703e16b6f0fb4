import { Cluster, type Redis } from 'ioredis'
import { guardOperations } from '../guard.ts'
import { createKeys } from '../keys.ts'
import type { ActivationOutcome, GrantRecord, RevocationReason, Store, TransactionOutcome } from '../store.ts'
import { formatGrant, GRANT_FIELDS, parseGrant } from './grant.ts'
import { scanKeys } from './scan-keys.ts'
import * as scripts from './scripts.ts'

type ActivatedGrant = Parameters<Store['activateGrant']>[0]

/**
 * A store on Redis 7.0, Valkey 8 or newer, for any number of processes; see docs/storage.md for its keys. The
 * client is the caller's to close. `prefix` begins every key.
 *
 * Whatever goes wrong is a `StoreUnavailableError`: no connection, no answer within 2 s, a refusal (OOM, READONLY,
 * LOADING, NOAUTH). Nothing is sent twice, for a script without an answer may have run.
 */
export function createRedisStore(redis: Redis | Cluster, { prefix }: { prefix: string }): Store {
  const keys = createKeys(prefix)

  async function run<Answer>(
    script: scripts.RedisScript<Answer>,
    key: string,
    ...args: (string | number)[]
  ): Promise<Answer> {
    let reply: unknown
    try {
      reply = await redis.evalsha(script.sha, 1, key, ...args)
    } catch (error) {
      // The one refusal that says for certain that nothing ran.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      reply = await redis.eval(script.lua, 1, key, ...args)
    }
    return JSON.parse(String(reply))
  }

  async function readGrant(grantId: string): Promise<GrantRecord | undefined> {
    return parseGrant(grantId, await redis.hmget(keys.grant(grantId), ...GRANT_FIELDS))
  }

  /** The redeemed grants of a subject. Those that have ended leave the index here. */
  async function readSubject(subject: string): Promise<GrantRecord[]> {
    const key = keys.subject(subject)
    const ids = await redis.zrange(key, 0, '-1')
    const entries = await Promise.all(ids.map(readIndexed))
    const ended = entries.filter(({ grant }) => !isLiving(grant))
    if (ended.length > 0) await redis.zrem(key, ...ended.map(({ id }) => id))
    return entries
      .flatMap(({ grant, isRedeemed }) => (grant !== undefined && isRedeemed ? [grant] : []))
      .sort((one, other) => other.createdAt - one.createdAt)
  }

  async function readIndexed(id: string) {
    const values = await redis.hmget(keys.grant(id), ...GRANT_FIELDS, 'refresh')
    return { id, grant: parseGrant(id, values), isRedeemed: values.at(-1) != null }
  }

  /**
   * Only redeemed grants count, whose last use is settled: any number of sign-ins at once then agree on which
   * grants are beyond the limit.
   */
  async function supersede({ subject, clientId }: ActivatedGrant, limit: number): Promise<GrantRecord[]> {
    const grants = (await readSubject(subject)).filter((grant) => grant.clientId === clientId)
    const surplus = grants.sort((one, other) => other.lastUsedAt - one.lastUsedAt).slice(limit)
    const ended = await Promise.all(surplus.map(({ id }) => revokeGrant(id, 'superseded')))
    // Of any number of sign-ins at once, only the one that ended a grant tells of it.
    return ended.filter(isLiving)
  }

  async function revokeGrant(grantId: string, reason: RevocationReason): Promise<GrantRecord | undefined> {
    return parseGrant(grantId, (await run(scripts.revokeGrant, keys.grant(grantId), reason)) ?? [])
  }

  // Redeeming takes this many round trips, so each step has the deadline of an operation: a Redis that is far away
  // would otherwise let a code be spent and its grant never be activated.
  const steps = guardOperations({
    list: ({ id, subject, expiresAt }: ActivatedGrant) =>
      run(scripts.listGrant, keys.subject(subject), id, expiresAt),
    activate: (grantId: string, refreshHash: string, ttl: number) =>
      run(scripts.activateGrant, keys.grant(grantId), refreshHash, ttl),
    supersede,
  })

  // The index of the subject is in another slot than the grant, so it is written first: whoever dies in between
  // leaves the name of a grant that nobody redeems, which no list shows and which leaves the index once it has
  // ended. The other way round a live grant would be missing from its user's list.
  async function activateGrant(
    grant: ActivatedGrant,
    refreshHash: string,
    ttl: number,
    limit: number,
  ): Promise<ActivationOutcome> {
    await steps.list(grant)
    if (!(await steps.activate(grant.id, refreshHash, ttl))) return { outcome: 'refused' }
    // What is left over the limit goes with the next sign-in; this one has succeeded already.
    return { outcome: 'activated', superseded: await steps.supersede(grant, limit).catch(() => []) }
  }

  const operations: Omit<Store, 'kind' | 'close' | 'activateGrant'> = {
    async ping() {
      if (redis instanceof Cluster) await pingCluster(redis)
      else await redis.ping()
    },

    async saveClient(id, client, ttl) {
      await redis.set(keys.client(id), JSON.stringify(client), 'PX', ttl)
    },

    async readClient(id, ttl) {
      return (await run(scripts.readClient, keys.client(id), ttl)) ?? undefined
    },

    async spendAssertion(assertionHash, ttl) {
      return (await redis.set(keys.assertion(assertionHash), '1', 'PX', ttl, 'NX')) === 'OK'
    },

    async saveTransaction(idHash, { browserHash, sealed }, ttl) {
      await run(scripts.saveTransaction, keys.transaction(idHash), browserHash, sealed, ttl)
    },

    async readTransaction(idHash, browserHash): Promise<TransactionOutcome> {
      const [browser, sealed] = await redis.hmget(keys.transaction(idHash), 'browser', 'sealed')
      if (browser == null || sealed == null) return { outcome: 'missing' }
      return browser === browserHash ? { outcome: 'ok', sealed } : { outcome: 'other_browser' }
    },

    approveTransaction: (idHash, browserHash, sealed) =>
      run(scripts.approveTransaction, keys.transaction(idHash), browserHash, sealed),

    takeTransaction: (idHash, browserHash) =>
      run(scripts.takeTransaction, keys.transaction(idHash), browserHash),

    denyTransaction: (idHash, browserHash) =>
      run(scripts.denyTransaction, keys.transaction(idHash), browserHash),

    async saveCode(codeHash, { clientId, redirectUriHash, codeChallenge, grantId, resource }, ttl) {
      const fields = [clientId, redirectUriHash, codeChallenge, grantId, resource]
      await run(scripts.saveCode, keys.code(codeHash), ttl, ...fields)
    },

    redeemCode: (codeHash, { clientId, redirectUriHash, codeChallenge, resource }, tombstoneTtl) =>
      run(
        scripts.redeemCode,
        keys.code(codeHash),
        clientId,
        redirectUriHash ?? '',
        codeChallenge,
        tombstoneTtl,
        resource ?? '',
      ),

    async createGrant(grant, ttl) {
      await run(scripts.createGrant, keys.grant(grant.id), ttl, grant.expiresAt, ...formatGrant(grant))
    },

    readGrant,

    rotateRefreshToken: (grantId, { clientId, presentedHash, nextHash, capsule, grace, ttl }) =>
      run(
        scripts.rotateRefreshToken,
        keys.grant(grantId),
        clientId,
        presentedHash,
        nextHash,
        capsule,
        grace,
        ttl,
      ),

    async touchGrant(grantId) {
      await run(scripts.touchGrant, keys.grant(grantId))
    },

    async lockUpstream(grantId, owner, ttl) {
      return (await redis.set(keys.upstreamLock(grantId), owner, 'PX', ttl, 'NX')) === 'OK'
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
    listGrants: readSubject,

    async scanGrants(cursor) {
      const { names, next } = await scanKeys(redis, keys.everyGrant, cursor)
      const grants = await Promise.all(names.map((name) => readGrant(keys.readGrantId(name))))
      return { grants: grants.filter(isLiving), next }
    },

    resealUpstream: (grantId, sealed, resealed) =>
      run(scripts.resealUpstream, keys.grant(grantId), sealed, resealed),
  }

  return { kind: 'redis', ...guardOperations(operations), activateGrant, async close() {} }
}

/**
 * A cluster is there while its state is ok, which by its own settings it may be with slots away: to take every
 * instance out of service for them would help nobody.
 */
async function pingCluster(cluster: Cluster): Promise<void> {
  const nodes = cluster.nodes('master')
  const answers = nodes.length > 0 ? nodes.map((node) => node.cluster('INFO')) : [cluster.cluster('INFO')]
  const isOk = await Promise.any(answers.map(async (answer) => checkState(await answer))).catch(() => false)
  if (!isOk) throw new Error('No primary of the cluster says that its state is ok.')
}

function checkState(info: unknown): true {
  if (!String(info).includes('cluster_state:ok')) throw new Error('The state of the cluster is not ok.')
  return true
}

function isLiving(grant: GrantRecord | undefined): grant is GrantRecord {
  return grant !== undefined && grant.status !== 'revoked'
}
