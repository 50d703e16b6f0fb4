import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { CommandParts } from '../../commands/command.ts'
import { createSealer } from '../../lib/crypto/sealer.ts'
import { createSigner } from '../../lib/crypto/signer.ts'
import type { Store } from '../../lib/store/store.ts'
import { createAudit } from '../../lib/telemetry/audit.ts'
import { createUpstreamRevocation } from '../../lib/upstream/revocation.ts'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'
import { createSandboxOAuth } from './sentry-oauth.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The keys of every service and command of these tests that needs no other. */
export const KEYS = { ENCRYPTION_KEY: 'e'.repeat(32), JWT_SIGNING_KEY: 'j'.repeat(32) }

/** Settings of a command that the test's store and Sentry do not depend on. */
export const SETTINGS = {
  ...KEYS,
  BASE_URL: 'http://localhost:3000',
  SENTRY_HOST: '127.0.0.1:1',
  SENTRY_PROTOCOL: 'http',
  SENTRY_CLIENT_ID: 'id',
  SENTRY_CLIENT_SECRET: 'secret',
}

/** What a command has to work with in this process, and what it says. */
export function createParts(
  store: Store,
  sentry: Pick<SentrySandbox, 'host' | 'clientId' | 'clientSecret'>,
  encryptionKeys: readonly string[] = [KEYS.ENCRYPTION_KEY],
): CommandParts & { output: string[]; audited: object[] } {
  const [output, audited]: [string[], object[]] = [[], []]
  const sealer = createSealer(encryptionKeys)
  const oauth = createSandboxOAuth(sentry)
  const log = { info() {}, warn() {}, error() {} }
  return {
    store,
    sealer,
    audit: createAudit({
      sink: { write: (line) => audited.push(line) },
      signer: createSigner([KEYS.JWT_SIGNING_KEY]),
    }),
    revocation: createUpstreamRevocation({ sealer, sentry: oauth, log }),
    print: (line) => output.push(line),
    output,
    audited,
  }
}

/** Runs a command as a process, with these settings and nothing else of this process's environment. */
export async function spawnCommand(
  name: 'grants' | 'reseal',
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
) {
  const child = spawn(process.execPath, [`lib/commands/${name}.ts`, ...args], {
    cwd: ROOT,
    env: { ...settings, NODE_OPTIONS: '' },
  })
  const exit = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await exit
  return { code, stdout, stderr }
}
