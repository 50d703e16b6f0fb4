import { createHash } from 'node:crypto'
import {
  CLIENT_TOUCH_INTERVAL_MS,
  type ClientRecord,
  type CodeOutcome,
  GRANT_TOUCH_INTERVAL_MS,
  type RotationOutcome,
  TOMBSTONE_TTL_MS,
  type TransactionOutcome,
} from '../store.ts'
import { GRANT_FIELDS } from './grant.ts'

/**
 * A Lua script, which the server runs atomically. It touches keys of one slot, uses commands of Redis 7.0 and Valkey 8
 * only, and returns `Result` as JSON. A script that writes a key also sets its expiry, so that a crash leaves no key
 * without one.
 */
export interface RedisScript<Result> {
  lua: string
  /** The hash by which the server knows the script (EVALSHA). */
  sha: string
  /** For the type only. */
  result?: Result
}

// The server's clock, which all instances share.
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

// The client, the subject and the expiry of a grant.
const TERMS = `
local function readTerms(terms)
  local list = cjson.decode(terms)
  return list[1], list[2], list[3]
end
`

// HDEL comes first: a full Redis refuses a script whose first write may need memory, and revoking has to work while
// Redis is full.
const REVOKE = `
local function revoke(key, reason)
  redis.call('HDEL', key, 'tokens', 'ends', 'renewal_started_at',
    'hash', 'prev', 'since', 'next', 'repeats')
  redis.call('HSET', key, 'status', 'revoked', 'reason', reason)
  redis.call('PEXPIRE', key, ${TOMBSTONE_TTL_MS})
end
`

// Returns unless the transaction exists and the browser ARGV[1] began it.
const REQUIRE_BROWSER = `
local transaction = redis.call('HMGET', KEYS[1], 'stage', 'browser_hash', 'sealed')
if not transaction[1] then return '{"outcome":"missing"}' end
if transaction[2] ~= ARGV[1] then return '{"outcome":"other_browser"}' end
`

/** KEYS: client. ARGV: ttl. The record is JSON already. */
export const readClient = defineScript<ClientRecord | null>(`
local client = redis.call('GET', KEYS[1])
if not client then return 'null' end
if redis.call('PTTL', KEYS[1]) <= ARGV[1] - ${CLIENT_TOUCH_INTERVAL_MS} then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return client
`)

/** KEYS: transaction. ARGV: browser, sealed, ttl. */
export const saveTransaction = defineScript<null>(`
redis.call('HSET', KEYS[1], 'stage', 'pending', 'browser_hash', ARGV[1], 'sealed', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'null'
`)

/** KEYS: transaction. ARGV: browser, sealed. */
export const approveTransaction = defineScript<TransactionOutcome>(`
${REQUIRE_BROWSER}
redis.call('HSET', KEYS[1], 'stage', 'approved', 'sealed', ARGV[2])
return cjson.encode({ outcome = 'ok', sealed = ARGV[2] })
`)

/** KEYS: transaction. ARGV: browser. */
export const takeTransaction = defineScript<TransactionOutcome>(`
${REQUIRE_BROWSER}
if transaction[1] ~= 'approved' then return '{"outcome":"not_approved"}' end
redis.call('DEL', KEYS[1])
return cjson.encode({ outcome = 'ok', sealed = transaction[3] })
`)

/** KEYS: transaction. ARGV: browser. */
export const denyTransaction = defineScript<TransactionOutcome>(`
${REQUIRE_BROWSER}
redis.call('DEL', KEYS[1])
return cjson.encode({ outcome = 'ok', sealed = transaction[3] })
`)

/** KEYS: code. ARGV: ttl, client id, hash of the redirect URI, challenge, grant id, resource. */
export const saveCode = defineScript<null>(`
redis.call('HSET', KEYS[1], 'client_id', ARGV[2], 'redirect_uri_hash', ARGV[3], 'code_challenge', ARGV[4],
  'grant_id', ARGV[5], 'resource', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 'null'
`)

/**
 * KEYS: code. ARGV: client id, resource or '', challenge, hash of the redirect URI or '', ttl of the tombstone. The
 * tombstone keeps what a repeat is compared with.
 */
export const redeemCode = defineScript<CodeOutcome>(`
${NOW}
local code = redis.call('HMGET', KEYS[1], 'client_id', 'resource', 'code_challenge', 'redirect_uri_hash',
  'grant_id', 'spent_at')
if not code[1] then return '{"outcome":"missing"}' end
if code[1] ~= ARGV[1] then return '{"outcome":"other_client"}' end
if ARGV[2] ~= '' and code[2] ~= ARGV[2] then return '{"outcome":"other_resource"}' end
if code[3] ~= ARGV[3] then return '{"outcome":"wrong_verifier"}' end
if ARGV[4] ~= '' and code[4] ~= ARGV[4] then return '{"outcome":"wrong_redirect_uri"}' end
if code[6] then
  return cjson.encode({ outcome = 'repeated', grantId = code[5], elapsedMs = now - code[6] })
end
redis.call('HSET', KEYS[1], 'spent_at', now)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return cjson.encode({ outcome = 'redeemed', grantId = code[5] })
`)

/** KEYS: grant. ARGV: ttl, expiry of the grant, then fields and values. */
export const createGrant = defineScript<null>(`
${NOW}
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIREAT', KEYS[1], math.min(now + ARGV[1], ARGV[2]))
return 'null'
`)

/**
 * KEYS: the index of a subject, a sorted set of grants by last use. ARGV: entry of the grant, its expiry. The index
 * expires with the last of its grants.
 */
export const listGrant = defineScript<null>(`
${NOW}
redis.call('ZADD', KEYS[1], now, ARGV[1])
if redis.call('PEXPIRETIME', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
return 'null'
`)

/**
 * KEYS: the index of a subject. ARGV: end of the entries of one client, limit for that client, limit for the subject.
 * Returns the least recently used entries beyond either limit, however many grants there are, in one command.
 */
export const findSurplus = defineScript<string[]>(`
local entries = redis.call('ZREVRANGE', KEYS[1], 0, -1)
local surplus, ofClient = {}, 0
for place, entry in ipairs(entries) do
  local isOfClient = string.sub(entry, -#ARGV[1]) == ARGV[1]
  if isOfClient then ofClient = ofClient + 1 end
  if place > tonumber(ARGV[3]) or (isOfClient and ofClient > tonumber(ARGV[2])) then table.insert(surplus, entry) end
end
if #surplus == 0 then return '[]' end
return cjson.encode(surplus)
`)

/** KEYS: grant. ARGV: hash of the refresh token, ttl. */
export const activateGrant = defineScript<boolean>(`
${NOW}
${TERMS}
local grant = redis.call('HMGET', KEYS[1], 'status', 'hash', 'terms')
if grant[1] ~= 'active' or grant[2] then return 'false' end
local client, subject, expiry = readTerms(grant[3])
redis.call('HSET', KEYS[1], 'hash', ARGV[1], 'used', now)
redis.call('PEXPIREAT', KEYS[1], math.min(now + ARGV[2], expiry))
return 'true'
`)

/**
 * KEYS: grant. ARGV: client id, presented hash, next hash, sealed successor, grace, ttl. The previous token is accepted
 * only while its successor is the current one, so using the successor ends the grace. A full Redis, which cannot count
 * the repetition, does not fail it.
 */
export const rotateRefreshToken = defineScript<RotationOutcome & { subject?: string }>(`
${NOW}
${TERMS}
${REVOKE}
local grant = redis.call('HMGET', KEYS[1], 'status', 'terms', 'hash', 'prev',
  'since', 'next')
if not grant[1] then return '{"outcome":"missing"}' end
local client, subject, expiry = readTerms(grant[2])
if client ~= ARGV[1] then return '{"outcome":"other_client"}' end
if grant[1] ~= 'active' then return cjson.encode({ outcome = grant[1] }) end
if not grant[3] then return '{"outcome":"missing"}' end
if grant[3] == ARGV[2] then
  redis.call('HSET', KEYS[1], 'hash', ARGV[3], 'prev', ARGV[2], 'since', now,
    'next', ARGV[4], 'used', now)
  redis.call('HDEL', KEYS[1], 'repeats')
  redis.call('PEXPIREAT', KEYS[1], math.min(now + ARGV[6], expiry))
  return cjson.encode({ outcome = 'rotated', subject = subject })
end
if grant[4] == ARGV[2] and now - grant[5] < tonumber(ARGV[5]) then
  local repeats = redis.pcall('HINCRBY', KEYS[1], 'repeats', 1)
  if type(repeats) ~= 'number' then repeats = 1 end
  return cjson.encode({ outcome = 'repeated', sealedSuccessor = grant[6], repeats = repeats })
end
revoke(KEYS[1], 'refresh_token_reused')
return '{"outcome":"reused"}'
`)

/** KEYS: grant. Returns the subject and the client of a grant whose use was recorded. */
export const touchGrant = defineScript<{ subject: string; clientId: string } | null>(`
${NOW}
${TERMS}
local grant = redis.call('HMGET', KEYS[1], 'status', 'used', 'terms')
if grant[1] ~= 'active' or now - grant[2] < ${GRANT_TOUCH_INTERVAL_MS} then return 'null' end
redis.call('HSET', KEYS[1], 'used', now)
local client, subject = readTerms(grant[3])
return cjson.encode({ subject = subject, clientId = client })
`)

/** KEYS: the index of a subject. ARGV: entry of a grant that was used. */
export const touchListed = defineScript<null>(`
${NOW}
redis.call('ZADD', KEYS[1], 'XX', now, ARGV[1])
return 'null'
`)

/** KEYS: deferral. ARGV: time, at which the key expires too. */
export const deferUpstream = defineScript<null>(`
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or 0) then
  redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[1])
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
local grant = redis.call('HMGET', KEYS[1], 'status', 'gen')
if grant[1] == 'active' and grant[2] == ARGV[1] then
  redis.call('HSET', KEYS[1], 'renewal_started_at', now)
end
return 'null'
`)

/**
 * KEYS: grant. ARGV: generation, sealed, expiry of the upstream token or ''. The generation decides, not the lock: after
 * a successful renewal only the new tokens are valid, even if another instance holds the lock by now. For the same
 * reason HDEL comes first, so that a full Redis accepts them.
 */
export const commitUpstream = defineScript<'committed' | 'stale' | 'gone'>(`
local grant = redis.call('HMGET', KEYS[1], 'status', 'gen')
if not grant[1] or grant[1] == 'revoked' then return '"gone"' end
if grant[2] ~= ARGV[1] then return '"stale"' end
redis.call('HDEL', KEYS[1], 'renewal_started_at')
redis.call('HSET', KEYS[1], 'status', 'active', 'tokens', ARGV[2], 'ends', ARGV[3],
  'gen', ARGV[1] + 1)
return '"committed"'
`)

/** KEYS: grant. ARGV: generation. */
export const requireSignIn = defineScript<boolean>(`
local grant = redis.call('HMGET', KEYS[1], 'status', 'gen')
if not grant[1] or grant[1] == 'revoked' or grant[2] ~= ARGV[1] then return 'false' end
redis.call('HSET', KEYS[1], 'status', 'sign_in_required')
return 'true'
`)

/** KEYS: grant. ARGV: reason. Returns the grant's fields as they were, absent ones as false. */
export const revokeGrant = defineScript<readonly (string | false)[] | null>(`
${REVOKE}
local grant = redis.call('HMGET', KEYS[1], ${GRANT_FIELDS.map((field) => `'${field}'`).join(', ')})
if not grant[1] then return 'null' end
if grant[1] ~= 'revoked' then revoke(KEYS[1], ARGV[1]) end
return cjson.encode(grant)
`)

/** KEYS: grant. ARGV: expected sealed tokens, new sealed tokens. */
export const replaceSealedUpstream = defineScript<boolean>(`
if redis.call('HGET', KEYS[1], 'tokens') ~= ARGV[1] then return 'false' end
redis.call('HSET', KEYS[1], 'tokens', ARGV[2])
return 'true'
`)

function defineScript<Result>(lua: string): RedisScript<Result> {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
