import { type Config, loadConfig } from '../lib/config/load.ts'
import { createSealer, type Sealer } from '../lib/crypto/sealer.ts'
import { createSigner } from '../lib/crypto/signer.ts'
import { StartUpError, TransientError } from '../lib/errors.ts'
import { useOutgoingProxy } from '../lib/net/outgoing-proxy.ts'
import { createEndpoints } from '../lib/oauth/endpoints.ts'
import { createKeyPrefix } from '../lib/store/keys.ts'
import { connectRedis } from '../lib/store/redis/connect.ts'
import { createRedisStore } from '../lib/store/redis/store.ts'
import { EmbeddedStoreError } from '../lib/store/sqlite/database.ts'
import { createEmbeddedStore } from '../lib/store/sqlite/store.ts'
import type { Store } from '../lib/store/store.ts'
import { type Audit, createAudit, openFileSink } from '../lib/telemetry/audit.ts'
import { createSentryOAuth } from '../lib/upstream/oauth.ts'
import { createUpstreamRevocation, type UpstreamRevocation } from '../lib/upstream/revocation.ts'

/** What a command works with: the same parts as the service's, on the same store. */
export interface CommandParts {
  store: Store
  sealer: Sealer
  audit: Audit
  revocation: UpstreamRevocation
  /** Writes a line of the command's answer. */
  print(line: string): void
}

/** The arguments make no sense. The message says how the command is used. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * Runs a command of an operator with the settings of the service, and sets the exit code: 0 when it did what it
 * was asked to, 1 when it could not, 2 when it was asked wrongly. What it has to say goes to stdout, what is wrong
 * to stderr.
 */
export async function runCommand<Arguments>(
  readArguments: (args: string[]) => Arguments,
  work: (parts: CommandParts, args: Arguments) => Promise<void>,
): Promise<void> {
  try {
    const args = readArguments(process.argv.slice(2))
    const config = loadConfig(process.env)
    useOutgoingProxy(config)
    const store = await openStore(config)
    try {
      await work(createParts(config, store), args)
    } finally {
      await store.close()
    }
  } catch (error) {
    process.exitCode = error instanceof UsageError ? 2 : 1
    process.stderr.write(`${describe(error)}\n`)
  }
}

function createParts(config: Config, store: Store): CommandParts {
  const sealer = createSealer(config.ENCRYPTION_KEY)
  const sentry = createSentryOAuth({
    protocol: config.SENTRY_PROTOCOL,
    host: config.SENTRY_HOST,
    clientId: config.SENTRY_CLIENT_ID,
    clientSecret: config.SENTRY_CLIENT_SECRET,
    redirectUri: createEndpoints(config.BASE_URL).callback,
  })
  const sink = config.AUDIT_FILE === undefined ? STDERR_SINK : openFileSink(config.AUDIT_FILE, LOG)
  return {
    store,
    sealer,
    audit: createAudit({ sink, signer: createSigner(config.JWT_SIGNING_KEY) }),
    revocation: createUpstreamRevocation({ sealer, sentry, log: LOG }),
    print: (line) => process.stdout.write(`${line}\n`),
  }
}

async function openStore(config: Config): Promise<Store> {
  if (config.STORE === 'embedded') return createEmbeddedStore({ directory: config.DATA_DIR })
  const { client, close } = await connectRedis(config, LOG)
  return { ...createRedisStore(client, { prefix: createKeyPrefix(config.BASE_URL) }), close }
}

function describe(error: unknown): string {
  if (error instanceof EmbeddedStoreError)
    return `${error.message}\nA command needs the file for itself: stop the service first.`
  if (error instanceof TransientError) return `${error.message} Nothing more was done.`
  if (error instanceof UsageError || error instanceof StartUpError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** A command has no log but its stderr; its stdout is for people and programs that read its answer. */
const LOG = { info() {}, warn: complain, error: complain }

function complain(first: unknown, text?: string): void {
  process.stderr.write(`${text ?? first}\n`)
}

const STDERR_SINK = {
  write(line: object) {
    complain(JSON.stringify({ time: Date.now(), audit: true, ...line }))
  },
}
