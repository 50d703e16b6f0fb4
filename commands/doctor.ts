import { type Config, ConfigError, loadConfig } from '../lib/config/load.ts'
import { SETTINGS } from '../lib/config/settings.ts'
import { VERSION } from '../lib/config/version.ts'
import { findWarnings } from '../lib/config/warnings.ts'
import { useOutgoingProxy } from '../lib/net/outgoing-proxy.ts'
import { parseArguments, runCommand } from './command.ts'
import { checkEmbeddedStore } from './doctor/check-embedded-store.ts'
import { checkPublicUrl } from './doctor/check-public-url.ts'
import { checkRedis } from './doctor/check-redis.ts'
import { checkSentry } from './doctor/check-sentry.ts'
import { checkSentryTools } from './doctor/check-sentry-tools.ts'
import { checkExposure, checkKeys, checkOutgoing } from './doctor/check-settings.ts'
import { checkTools } from './doctor/check-tools.ts'
import { createReport, type Finding, findWorstStatus, formatFindings } from './doctor/report.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Checks the settings and everything they name: store, Sentry, BASE_URL, tools. It leaves nothing behind. It takes a
 * few seconds, and less than 30 s where nothing responds. With `tools` it also calls every tool that only reads.
 */
async function examine(env: Environment, { tools }: Pick<DoctorArguments, 'tools'>): Promise<Finding[]> {
  const report = createReport('settings')
  let config: Config
  try {
    config = loadConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) report.error(problem, 'docs/settings.md describes every setting.')
    report.skipped('The other checks need valid settings.')
    return report.findings
  }
  report.ok(`All settings are valid. Set are ${listGivenSettings(env).join(', ')}.`)
  for (const warning of findWarnings(config, env))
    report.warning(warning, 'docs/settings.md lists all settings.')

  useOutgoingProxy(config)
  const [store, sentry, publicUrl] = await Promise.all([
    config.STORE === 'embedded' ? checkEmbeddedStore(config) : checkRedis(config),
    checkSentry(config),
    checkPublicUrl(config),
  ])
  return [
    ...report.findings,
    ...checkKeys(config),
    ...checkOutgoing(config, env),
    ...store,
    ...sentry,
    ...checkExposure(config),
    ...publicUrl,
    ...(tools ? await checkSentryTools(config, env.SENTRY_AUTH_TOKEN || undefined) : []),
    // Last, because loading the tools blocks the event loop, and the store and Sentry would seem slow.
    ...(await checkTools(config)),
  ]
}

/** The names of the settings in the environment, with `_FILE` for those that come from a file. */
function listGivenSettings(env: Environment): string[] {
  return Object.keys(SETTINGS).flatMap((name) =>
    env[`${name}_FILE`] ? [`${name}_FILE`] : env[name] ? [name] : [],
  )
}

interface DoctorArguments {
  json: boolean
  /** Calls the reading tools at Sentry with SENTRY_AUTH_TOKEN of the environment, which is not a setting of the service. */
  tools: boolean
}

async function runDoctor({ json, tools }: DoctorArguments): Promise<void> {
  // A DNS query cannot be cancelled, and one without a response would delay the exit by a minute. The resolver of
  // the C library reads this once, before the first query.
  process.env.RES_OPTIONS ??= 'timeout:1 attempts:2'
  const findings = await examine(process.env, { tools })
  const status = findWorstStatus(findings)
  const text = json
    ? JSON.stringify({ version: VERSION, node: process.version, status, findings }, undefined, 2)
    : `sentry-mcp ${VERSION} on Node ${process.version}\n\n${formatFindings(findings, process.stdout)}`
  // Pending DNS queries would keep the process alive.
  process.stdout.write(`${text}\n`, () => process.exit(status === 'error' ? 1 : 0))
}

function parseDoctorArguments(args: string[]): DoctorArguments {
  const options = {
    json: { type: 'boolean', default: false },
    tools: { type: 'boolean', default: false },
  } as const
  const usage = `Usage:
  doctor [--json] [--tools]

  --tools  also call every tool that only reads, with the token in SENTRY_AUTH_TOKEN`
  return parseArguments({ args, options }, usage).values
}

if (import.meta.main) await runCommand(parseDoctorArguments, runDoctor)
