import { type Config, ConfigError, loadConfig } from '../../lib/config/load.ts'
import { SETTINGS } from '../../lib/config/settings.ts'
import { useOutgoingProxy } from '../../lib/net/outgoing-proxy.ts'
import { checkEmbeddedStore } from './check-embedded-store.ts'
import { checkExposure } from './check-exposure.ts'
import { checkKeys } from './check-keys.ts'
import { checkOutgoing } from './check-outgoing.ts'
import { checkPublicUrl } from './check-public-url.ts'
import { checkRedis } from './check-redis.ts'
import { checkSentry } from './check-sentry.ts'
import { checkTools } from './check-tools.ts'
import { createReport, type Finding } from './report.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Looks at everything a server with these settings depends on, and changes nothing that lasts. It takes some seconds where
 * all is well, and less than half a minute where nothing answers.
 */
export async function examine(env: Environment): Promise<Finding[]> {
  const report = createReport('settings')
  let config: Config
  try {
    config = loadConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) report.error(problem, 'docs/settings.md describes every setting.')
    report.skipped('Everything else has to wait for the settings.')
    return report.findings
  }
  report.ok(describeSettings(env))

  const restore = useOutgoingProxy(config)
  try {
    const [store, sentry, publicUrl] = await Promise.all([
      config.STORE === 'embedded' ? checkEmbeddedStore(config) : checkRedis(config),
      checkSentry(config),
      checkPublicUrl(config),
    ])
    // Loading the tools keeps the processor to itself, which would look like a store or a Sentry that is slow.
    const tools = await checkTools(config)
    return [
      ...report.findings,
      ...checkKeys(config),
      ...checkOutgoing(config, env),
      ...store,
      ...sentry,
      ...checkExposure(config),
      ...publicUrl,
      ...tools,
    ]
  } finally {
    restore()
  }
}

/** Which settings are set, and which of those by a file. */
function describeSettings(env: Environment): string {
  const given = Object.keys(SETTINGS).flatMap((name) =>
    env[`${name}_FILE`] ? [`${name}_FILE`] : env[name] ? [name] : [],
  )
  return `All settings are as they should be; set are ${given.join(', ')}.`
}
