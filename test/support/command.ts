import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { CommandContext } from '../../commands/command.ts'
import { createSealer } from '../../lib/crypto/sealer.ts'
import { createSigner } from '../../lib/crypto/signer.ts'
import type { Store } from '../../lib/store/store.ts'
import { createAudit } from '../../lib/telemetry/audit.ts'
import { createUpstreamRevocation } from '../../lib/upstream/revocation.ts'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'
import { createSandboxOAuth } from './sentry-oauth.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Keys for services and commands. */
export const KEYS = { ENCRYPTION_KEY: 'e'.repeat(32), JWT_SIGNING_KEY: 'j'.repeat(32) }

/** Settings of a command that reaches neither a store nor a Sentry. */
export const SETTINGS = {
  ...KEYS,
  BASE_URL: 'http://localhost:3000',
  SENTRY_HOST: '127.0.0.1:1',
  SENTRY_PROTOCOL: 'http',
  SENTRY_CLIENT_ID: 'id',
  SENTRY_CLIENT_SECRET: 'secret',
}

/** The context of a command that runs in this process, with what it prints and audits. */
export function createContext(
  store: Store,
  sentry: Pick<SentrySandbox, 'host' | 'clientId' | 'clientSecret'>,
  encryptionKeys: readonly string[] = [KEYS.ENCRYPTION_KEY],
  confirms = false,
): CommandContext & { output: string[]; audited: object[]; questions: string[] } {
  const [output, audited, questions]: [string[], object[], string[]] = [[], [], []]
  const sealer = createSealer(encryptionKeys)
  const oauth = createSandboxOAuth(sentry)
  const signer = createSigner([KEYS.JWT_SIGNING_KEY])
  const log = { info() {}, warn() {}, error() {} }
  return {
    store,
    sealer,
    audit: createAudit({
      sink: { write: (line) => audited.push(line) },
      signer,
    }),
    signer,
    revocation: createUpstreamRevocation({ sealer, sentry: oauth, log }),
    print: (line) => output.push(line),
    async confirm(question) {
      questions.push(question)
      return confirms
    },
    questions,
    output,
    audited,
  }
}

/** Runs a command as a process whose environment has only these settings. */
export async function spawnCommand(
  name: 'backup' | 'grants' | 'reseal',
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
) {
  const child = spawn(process.execPath, [`commands/${name}.ts`, ...args], {
    cwd: ROOT,
    env: { ...settings, NODE_OPTIONS: '' },
  })
  const exit = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await exit
  return { code, stdout, stderr }
}
