import { createHash } from 'node:crypto'
import {
  CLIENT_TOUCH_INTERVAL,
  type ClientRecord,
  type CodeOutcome,
  type RotationOutcome,
  TOMBSTONE_TTL,
  TOUCH_INTERVAL,
  type TransactionOutcome,
} from '../store.ts'
import { GRANT_FIELDS } from './grant.ts'

/**
 * A Lua script that runs as one step of the server and touches the keys of one slot. It answers `Answer` as
 * JSON. A script that writes a key also sets its end, so that a crash leaves no key without one. Only commands
 * that Redis 7.0 and Valkey 8 know.
 */
export interface RedisScript<Answer> {
  lua: string
  /** The name under which the server keeps the script (EVALSHA). */
  sha: string
  /** Carries the type only. */
  answer?: Answer
}

// One clock for all instances: the server's.
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

// HDEL comes first on purpose: a full Redis refuses a script whose first write may take memory, and revoking has
// to work while Redis is full.
const REVOKE = `
local function revoke(key, reason)
  redis.call('HDEL', key, 'upstream', 'upstream_expires_at', 'renewal_started_at',
    'refresh', 'refresh_previous', 'rotated_at', 'capsule')
  redis.call('HSET', key, 'status', 'revoked', 'reason', reason)
  redis.call('PEXPIRE', key, ${TOMBSTONE_TTL})
end
`

// Ends the script unless the transaction is there and was begun in the browser ARGV[1].
const PROVE_BROWSER = `
local transaction = redis.call('HMGET', KEYS[1], 'stage', 'browser', 'sealed')
if not transaction[1] then return '{"outcome":"missing"}' end
if transaction[2] ~= ARGV[1] then return '{"outcome":"other_browser"}' end
`

/** KEYS: client. ARGV: ttl. The record is JSON already. */
export const readClient = defineScript<ClientRecord | null>(`
local client = redis.call('GET', KEYS[1])
if not client then return 'null' end
if redis.call('PTTL', KEYS[1]) <= ARGV[1] - ${CLIENT_TOUCH_INTERVAL} then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return client
`)

/** KEYS: transaction. ARGV: browser, sealed, ttl. */
export const saveTransaction = defineScript<null>(`
redis.call('HSET', KEYS[1], 'stage', 'pending', 'browser', ARGV[1], 'sealed', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'null'
`)

/** KEYS: transaction. ARGV: browser, sealed. */
export const approveTransaction = defineScript<TransactionOutcome>(`
${PROVE_BROWSER}
redis.call('HSET', KEYS[1], 'stage', 'approved', 'sealed', ARGV[2])
return cjson.encode({ outcome = 'ok', sealed = ARGV[2] })
`)

/** KEYS: transaction. ARGV: browser. */
export const takeTransaction = defineScript<TransactionOutcome>(`
${PROVE_BROWSER}
if transaction[1] ~= 'approved' then return '{"outcome":"not_approved"}' end
redis.call('DEL', KEYS[1])
return cjson.encode({ outcome = 'ok', sealed = transaction[3] })
`)

/** KEYS: transaction. ARGV: browser. */
export const denyTransaction = defineScript<TransactionOutcome>(`
${PROVE_BROWSER}
redis.call('DEL', KEYS[1])
return cjson.encode({ outcome = 'ok', sealed = transaction[3] })
`)

/** KEYS: code. ARGV: ttl, client id, redirect URI, challenge, grant id, resource. */
export const saveCode = defineScript<null>(`
redis.call('HSET', KEYS[1], 'state', 'live', 'client_id', ARGV[2], 'redirect_uri', ARGV[3],
  'challenge', ARGV[4], 'grant', ARGV[5], 'resource', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 'null'
`)

/** KEYS: code. ARGV: client id, redirect URI or '', challenge, ttl of the tombstone, resource or ''. */
export const redeemCode = defineScript<CodeOutcome>(`
local code = redis.call('HMGET', KEYS[1], 'state', 'client_id', 'redirect_uri', 'challenge', 'grant', 'resource')
if not code[1] then return '{"outcome":"missing"}' end
if code[2] ~= ARGV[1] then return '{"outcome":"other_client"}' end
if code[1] == 'live' and ARGV[5] ~= '' and code[6] ~= ARGV[5] then return '{"outcome":"other_resource"}' end
local outcome = 'redeemed'
if code[1] == 'spent' then outcome = 'replayed'
else
  redis.call('HSET', KEYS[1], 'state', 'spent')
  redis.call('HDEL', KEYS[1], 'redirect_uri', 'challenge', 'resource')
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  if code[4] ~= ARGV[3] then outcome = 'wrong_verifier'
  elseif ARGV[2] ~= '' and code[3] ~= ARGV[2] then outcome = 'wrong_redirect_uri' end
end
return cjson.encode({ outcome = outcome, grantId = code[5] })
`)

/** KEYS: grant. ARGV: ttl, end of the grant, then fields and values. */
export const createGrant = defineScript<null>(`
${NOW}
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIREAT', KEYS[1], math.min(now + ARGV[1], ARGV[2]))
return 'null'
`)

/**
 * KEYS: the index of a subject, a sorted set of grants by their end. ARGV: grant id, end of the grant. The index
 * ends with the last of its grants.
 */
export const listGrant = defineScript<null>(`
${NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PEXPIREAT', KEYS[1], redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
return 'null'
`)

/** KEYS: grant. ARGV: refresh token, ttl. */
export const activateGrant = defineScript<boolean>(`
${NOW}
local grant = redis.call('HMGET', KEYS[1], 'status', 'refresh', 'expires_at')
if grant[1] ~= 'active' or grant[2] then return 'false' end
redis.call('HSET', KEYS[1], 'refresh', ARGV[1], 'used_at', now)
redis.call('PEXPIREAT', KEYS[1], math.min(now + ARGV[2], grant[3]))
return 'true'
`)

/**
 * KEYS: grant. ARGV: client id, presented, next, capsule, grace, ttl. The previous token is good for as long as
 * its successor is the current one, so using the successor ends the grace.
 */
export const rotateRefreshToken = defineScript<RotationOutcome>(`
${NOW}
${REVOKE}
local grant = redis.call('HMGET', KEYS[1], 'status', 'client_id', 'refresh', 'refresh_previous', 'rotated_at',
  'capsule', 'expires_at')
if not grant[1] then return '{"outcome":"missing"}' end
if grant[2] ~= ARGV[1] then return '{"outcome":"other_client"}' end
if grant[1] ~= 'active' then return cjson.encode({ outcome = grant[1] }) end
if not grant[3] then return '{"outcome":"missing"}' end
if grant[3] == ARGV[2] then
  redis.call('HSET', KEYS[1], 'refresh', ARGV[3], 'refresh_previous', ARGV[2], 'rotated_at', now,
    'capsule', ARGV[4], 'used_at', now)
  redis.call('PEXPIREAT', KEYS[1], math.min(now + ARGV[6], grant[7]))
  return '{"outcome":"rotated"}'
end
if grant[4] == ARGV[2] and now - grant[5] < tonumber(ARGV[5]) then
  return cjson.encode({ outcome = 'repeated', capsule = grant[6] })
end
revoke(KEYS[1], 'refresh_token_reused')
return '{"outcome":"reused"}'
`)

/** KEYS: grant. */
export const touchGrant = defineScript<null>(`
${NOW}
local grant = redis.call('HMGET', KEYS[1], 'status', 'used_at')
if grant[1] == 'active' and now - grant[2] >= ${TOUCH_INTERVAL} then
  redis.call('HSET', KEYS[1], 'used_at', now)
end
return 'null'
`)

/** KEYS: lock. ARGV: owner. */
export const unlockUpstream = defineScript<null>(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'null'
`)

/** KEYS: grant. ARGV: generation. */
export const markUpstreamRenewal = defineScript<null>(`
${NOW}
local grant = redis.call('HMGET', KEYS[1], 'status', 'upstream_generation')
if grant[1] == 'active' and grant[2] == ARGV[1] then
  redis.call('HSET', KEYS[1], 'renewal_started_at', now)
end
return 'null'
`)

/**
 * KEYS: grant. ARGV: generation, sealed, end of the upstream token or ''. Fenced by the generation and not by
 * the lock: after a successful renewal the new tokens are the only good ones, whoever holds the lock by now, and
 * for the same reason HDEL comes first, which lets a full Redis accept them.
 */
export const commitUpstream = defineScript<'committed' | 'stale' | 'gone'>(`
local grant = redis.call('HMGET', KEYS[1], 'status', 'upstream_generation')
if not grant[1] or grant[1] == 'revoked' then return '"gone"' end
if grant[2] ~= ARGV[1] then return '"stale"' end
redis.call('HDEL', KEYS[1], 'renewal_started_at')
redis.call('HSET', KEYS[1], 'status', 'active', 'upstream', ARGV[2], 'upstream_expires_at', ARGV[3],
  'upstream_generation', ARGV[1] + 1)
return '"committed"'
`)

/** KEYS: grant. ARGV: generation. */
export const requireSignIn = defineScript<boolean>(`
local grant = redis.call('HMGET', KEYS[1], 'status', 'upstream_generation')
if not grant[1] or grant[1] == 'revoked' or grant[2] ~= ARGV[1] then return 'false' end
redis.call('HSET', KEYS[1], 'status', 'sign_in_required')
return 'true'
`)

/** KEYS: grant. ARGV: reason. Answers the grant's fields as they were, absent ones as false. */
export const revokeGrant = defineScript<readonly (string | false)[] | null>(`
${REVOKE}
local grant = redis.call('HMGET', KEYS[1], ${GRANT_FIELDS.map((field) => `'${field}'`).join(', ')})
if not grant[1] then return 'null' end
if grant[1] ~= 'revoked' then revoke(KEYS[1], ARGV[1]) end
return cjson.encode(grant)
`)

/** KEYS: grant. ARGV: sealed as it was read, sealed as it shall be. */
export const resealUpstream = defineScript<boolean>(`
if redis.call('HGET', KEYS[1], 'upstream') ~= ARGV[1] then return 'false' end
redis.call('HSET', KEYS[1], 'upstream', ARGV[2])
return 'true'
`)

function defineScript<Answer>(lua: string): RedisScript<Answer> {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
