import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import type { Finding } from '../../commands/doctor/report.ts'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Keys as `openssl rand -base64 32` makes them. */
export const KEYS = {
  ENCRYPTION_KEY: 'pL2bq0S9mZrT7vXyJ4eWcK8hNf1uGdA6oQ5iRsB3tEk=',
  JWT_SIGNING_KEY: 'Zx8Yw3Vu7Ts1Rq5Po9Nm2Lk6Ji4Hg0FeDcBaKtUvWxQ=',
}

/** Settings for a Sentry, without a store. */
export function createSettings(sentry: Pick<SentrySandbox, 'host' | 'clientId' | 'clientSecret'>) {
  return {
    BASE_URL: 'http://localhost:3000',
    SENTRY_HOST: sentry.host,
    SENTRY_PROTOCOL: 'http',
    SENTRY_CLIENT_ID: sentry.clientId,
    SENTRY_CLIENT_SECRET: sentry.clientSecret,
    ...KEYS,
  }
}

/** Runs the doctor as a process whose environment has only these settings. */
export function runDoctor(t: Test, env: Record<string, string>, ...args: string[]) {
  const [check, main] = [join(ROOT, 'commands/check-node.cjs'), join(ROOT, 'commands/doctor.ts')]
  return run(t, ['-r', check, main, ...args], env)
}

const SCRIPT = `
import { loadConfig } from '${ROOT}/lib/config/load.ts'
import { useOutgoingProxy } from '${ROOT}/lib/net/outgoing-proxy.ts'
const [file, check] = process.argv.slice(1)
const checks = await import('${ROOT}/commands/doctor/' + file + '.ts')
const config = loadConfig(process.env)
useOutgoingProxy(config)
process.stdout.write(JSON.stringify(await checks[check](config, process.env)), () => process.exit(0))
`

const FILES = {
  checkOutgoing: 'check-settings',
  checkPublicUrl: 'check-public-url',
  checkSentry: 'check-sentry',
}

/** Runs one check in a process of its own, for variables that Node reads only at its start. */
export async function spawnCheck(
  t: Test,
  check: keyof typeof FILES,
  env: Record<string, string>,
): Promise<Finding[]> {
  const args = ['--input-type=module', '--eval', SCRIPT, FILES[check], check]
  const { stdout, stderr } = await run(t, args, env)
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

async function run(t: Test, args: string[], env: Record<string, string>) {
  // Outside the checkout, where a developer may have an .env.
  const cwd = existsSync(t.testdirName) ? t.testdirName : t.testdir()
  const file = existsSync(join(cwd, '.env')) ? ['--env-file=.env'] : []
  const child = spawn(process.execPath, [...file, ...args], { cwd, env })
  t.teardown(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await exit
  return { code, stdout, stderr }
}

/** The findings of a status as lines: `check: finding → advice`. */
export function list(findings: readonly Finding[], status: Finding['status']): string[] {
  return findings
    .filter((finding) => finding.status === status)
    .map(({ check, finding, advice }) => `${check}: ${finding}${advice ? ` → ${advice}` : ''}`)
}
