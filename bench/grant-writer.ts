import { Redis } from 'ioredis'
import { loadConfig } from '../lib/config/load.ts'
import { createId, createToken, hashToken } from '../lib/crypto/hash.ts'
import { createSealer } from '../lib/crypto/sealer.ts'
import { createSigner } from '../lib/crypto/signer.ts'
import { ACTIVE_SKILLS } from '../lib/model/skills.ts'
import { issueAccessToken } from '../lib/oauth/token/access-token.ts'
import { createKeyPrefix } from '../lib/store/keys.ts'
import { createRedisStore } from '../lib/store/redis/store.ts'
import { type GrantTerms, sealUpstream } from '../lib/upstream/sealed-tokens.ts'
import { registerClient } from '../test/support/client.ts'
import type { Lifetime } from '../test/support/lifetime.ts'

const DAY_MS = 86_400_000
const GRANTS_PER_CLIENT = 20
const ACCESS_TOKEN_TTL_SECONDS = 86_400

/** How many grants are written at a time. */
const WRITERS = 200

/** Writes grants into the store of a service as a sign-in does, without the sign-in. */
export interface GrantWriter {
  /** Writes a grant of a new user, with more scopes than the default ones. Returns an access token for it. */
  write(extraScopes?: readonly string[]): Promise<string>
  /** Writes many of them. Returns a token for each. */
  writeMany(count: number): Promise<string[]>
  /** The memory that Redis uses, in bytes. */
  readRedisMemory(): Promise<number>
}

/** `settings` are those of the service at `url`. */
export async function openGrantWriter(
  lifetime: Lifetime,
  url: string,
  settings: Record<string, string>,
): Promise<GrantWriter> {
  const config = loadConfig(settings)
  const redis = new Redis(settings.REDIS_URL ?? '')
  lifetime.teardown(() => redis.disconnect())
  const store = createRedisStore(redis, { prefix: createKeyPrefix(config.BASE_URL) })
  const sealer = createSealer(config.ENCRYPTION_KEY)
  const signer = createSigner(config.JWT_SIGNING_KEY)
  const { id: clientId } = await registerClient(url)

  async function write(extraScopes: readonly string[] = []): Promise<string> {
    const now = Date.now()
    const subject = createToken()
    const resource = `${config.BASE_URL}/mcp`
    const terms: GrantTerms = {
      id: createId(),
      clientId,
      clientName: 'Test client',
      clientAuthMethod: 'none',
      subject,
      resource,
      scope: [...config.SENTRY_SCOPES, ...extraScopes],
      skills: [...ACTIVE_SKILLS],
      createdAt: now,
      expiresAt: now + config.GRANT_TTL * 1000,
    }
    // As long as those of Sentry.
    const tokens = {
      accessToken: hashToken(createToken()).padEnd(64, '0'),
      refreshToken: hashToken(createToken()).padEnd(64, '0'),
      expiresAt: now + 30 * DAY_MS,
      scope: undefined,
      userId: subject,
    }
    const upstream = { ...sealUpstream(tokens, terms, sealer), generation: 0, renewalStartedAt: undefined }
    const grant = { ...terms, status: 'active' as const, lastUsedAt: now, upstream }
    await store.createGrant(grant, DAY_MS)
    await store.activateGrant(grant, hashToken(createToken()), DAY_MS, GRANTS_PER_CLIENT)
    const issuing = { issuer: config.BASE_URL, ttl: ACCESS_TOKEN_TTL_SECONDS, signer }
    return issueAccessToken({ grantId: terms.id, clientId, subject, resource, scope: undefined }, issuing)
  }

  return {
    write,
    async writeMany(count) {
      const tokens: string[] = []
      while (tokens.length < count) {
        const some = Math.min(WRITERS, count - tokens.length)
        tokens.push(...(await Promise.all(Array.from({ length: some }, () => write()))))
      }
      return tokens
    },
    async readRedisMemory() {
      return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1])
    },
  }
}
