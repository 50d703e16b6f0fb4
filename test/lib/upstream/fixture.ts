import { Writable } from 'node:stream'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { createToken } from '../../../lib/crypto/hash.ts'
import { createSealer } from '../../../lib/crypto/sealer.ts'
import { createRedisStore } from '../../../lib/store/redis/store.ts'
import { createEmbeddedStore } from '../../../lib/store/sqlite/store.ts'
import type { GrantRecord, Store } from '../../../lib/store/store.ts'
import { createUpstreamAccess, type UpstreamAccess } from '../../../lib/upstream/access.ts'
import type { SentryOAuth } from '../../../lib/upstream/oauth.ts'
import { type GrantTerms, openUpstream, sealUpstream } from '../../../lib/upstream/sealed-tokens.ts'
import { type SandboxOptions, type SentrySandbox, startSentry } from '../../sandbox/sentry/server.ts'
import { findRedis } from '../../support/redis.ts'
import { createSandboxOAuth } from '../../support/sentry-oauth.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** A Sentry sandbox, a store, and the instances of the service between them. */
export interface UpstreamFixture {
  sentry: SentrySandbox
  oauth: SentryOAuth
  store: Store
  /** For an instance that a test creates itself. */
  logger: FastifyBaseLogger
  /** The log lines so far. */
  log: string[]
  /** Creates a grant with tokens of the sandbox, which expire in `expiresInMs`, a minute by default. */
  makeGrant(
    expiresInMs?: number,
    tokens?: Partial<{ accessToken: string; refreshToken: string }>,
  ): Promise<GrantRecord>
  /** Another instance of the service, with parts of its store or of its access to Sentry replaced. */
  createAccess(changes?: { store?: Partial<Store>; oauth?: Partial<SentryOAuth> }): UpstreamAccess
  /** The stored grant, with its access token at Sentry. */
  read(grant: GrantRecord): Promise<{ status: string; generation: number; accessToken: string }>
}

/** The logs of all fixtures of this process. */
const logged: { log: string[]; clientSecret: string }[] = []

export const sealer = createSealer(['a secret of thirty-two characters or more'])

/** Creates a fixture that ends with the test. */
export async function setUp(
  t: Test,
  options: SandboxOptions = {},
  createStore = createEmbedded,
): Promise<UpstreamFixture> {
  const sentry = await startSentry(options)
  t.teardown(() => sentry.close())
  const store = await createStore(t)
  const { clientSecret } = sentry
  const oauth = createSandboxOAuth(sentry, { timeoutMs: 1_000 })
  const { logger, log } = createLog(t)
  logged.push({ log, clientSecret })

  return {
    sentry,
    oauth,
    store,
    logger,
    log,
    async makeGrant(expiresInMs = MINUTE, changes = {}) {
      const { accessToken, refreshToken } = { ...sentry.issueTokens(), ...changes }
      const expiresAt = expiresInMs === Number.POSITIVE_INFINITY ? undefined : Date.now() + expiresInMs
      const id = createToken()
      const tokens = { accessToken, refreshToken, expiresAt, scope: undefined, userId: undefined }
      const now = Date.now()
      const terms: GrantTerms = {
        ...{ id, clientId: 'client-1', clientName: 'Client', clientAuthMethod: 'none', subject: '1001' },
        ...{ resource: 'https://mcp.example.com/mcp', scope: [], skills: [] },
        ...{ createdAt: now, expiresAt: now + 24 * HOUR },
      }
      const upstream = { ...sealUpstream(tokens, terms, sealer), generation: 0, renewalStartedAt: undefined }
      const grant: GrantRecord = { ...terms, status: 'active', lastUsedAt: now, upstream }
      await store.createGrant(grant, HOUR)
      return grant
    },
    createAccess: (changes = {}) =>
      createUpstreamAccess({
        store: { ...store, ...changes.store },
        sealer,
        sentry: { ...oauth, ...changes.oauth },
        log: logger,
      }),
    async read(grant) {
      const current = await store.readGrant(grant.id)
      if (current === undefined || current.status === 'revoked') throw new TypeError('The grant has ended.')
      const { status, upstream } = current
      const { accessToken } = openUpstream(current, sealer)
      return { status, generation: upstream.generation, accessToken }
    },
  }
}

export async function createEmbedded(t: Test): Promise<Store> {
  const store = createEmbeddedStore({ directory: t.testdir() })
  t.teardown(() => store.close())
  return store
}

export async function createOnRedis(t: Test): Promise<Store> {
  const redis = new Redis(await findRedis(t))
  t.teardown(() => redis.disconnect())
  return createRedisStore(redis, { prefix: `test-${createToken()}` })
}

/** Commits tokens as another instance would, to the generation of the given grant. */
export async function commit(store: Store, grant: GrantRecord, accessToken: string): Promise<void> {
  const tokens = { accessToken, refreshToken: 'r', expiresAt: undefined, scope: undefined, userId: undefined }
  await store.commitUpstream(grant.id, grant.upstream.generation, sealUpstream(tokens, grant, sealer))
}

/** For the last test of a file. */
export function expectNoSecretLogged(t: Test): void {
  t.ok(logged.some(({ log }) => log.length > 0))
  for (const { log, clientSecret } of logged) {
    for (const secret of [clientSecret, 'sntryu_', 'sntryr_']) t.notMatch(log.join(''), secret)
  }
}

function createLog(t: Test): { logger: FastifyBaseLogger; log: string[] } {
  const log: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(String(chunk))
      done()
    },
  })
  const app = Fastify({ logger: { level: 'trace', stream } })
  t.teardown(() => app.close())
  return { logger: app.log, log }
}
