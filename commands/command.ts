import { type ParseArgsConfig, parseArgs } from 'node:util'
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
import { createSentryLocation } from '../lib/upstream/location.ts'
import { createSentryOAuth } from '../lib/upstream/oauth.ts'
import { createUpstreamRevocation, type UpstreamRevocation } from '../lib/upstream/revocation.ts'

/** What a command that changes stored data works with, built from the settings of the service. */
export interface CommandContext {
  store: Store
  sealer: Sealer
  audit: Audit
  revocation: UpstreamRevocation
  /** Writes a line to stdout. */
  print(line: string): void
}

/** The arguments are wrong. The message contains the usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** `parseArgs` of Node. Throws `UsageError`. */
export function parseArguments<Options extends ParseArgsConfig>(options: Options, usage: string) {
  try {
    return parseArgs(options)
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${usage}`)
  }
}

/**
 * Runs a command with the arguments of the process. The exit code is 1 when it fails and 2 when the arguments are
 * wrong; then the reason is on stderr.
 */
export async function runCommand<Arguments>(
  parse: (args: string[]) => Arguments,
  run: (args: Arguments) => Promise<void>,
): Promise<void> {
  try {
    await run(parse(process.argv.slice(2)))
  } catch (error) {
    process.exitCode = error instanceof UsageError ? 2 : 1
    process.stderr.write(`${describeError(error)}\n`)
  }
}

/** Opens the store of the service for `work`, and closes it afterwards. */
export async function withContext(work: (context: CommandContext) => Promise<void>): Promise<void> {
  const config = loadConfig(process.env)
  useOutgoingProxy(config)
  const store = await openStore(config)
  try {
    await work(createContext(config, store))
  } finally {
    await store.close()
  }
}

function createContext(config: Config, store: Store): CommandContext {
  const sealer = createSealer(config.ENCRYPTION_KEY)
  const sentry = createSentryOAuth(config, {
    sentry: createSentryLocation(config),
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

function describeError(error: unknown): string {
  if (error instanceof EmbeddedStoreError)
    return `${error.message}\nThis command needs exclusive access to the file: stop the service first.`
  if (error instanceof TransientError) return `${error.message} The command did not finish: run it again.`
  if (error instanceof UsageError || error instanceof StartUpError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Warnings and errors go to stderr: stdout has only the output of the command, which programs read. */
const LOG = { info() {}, warn: writeToStderr, error: writeToStderr }

function writeToStderr(first: unknown, text?: string): void {
  process.stderr.write(`${text ?? first}\n`)
}

const STDERR_SINK = {
  write(line: object) {
    writeToStderr(JSON.stringify({ time: Date.now(), audit: true, ...line }))
  },
}
