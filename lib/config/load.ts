import { readFileSync } from 'node:fs'
import { StartUpError } from '../errors.ts'
import { isLoopbackHost } from '../model/loopback.ts'
import { createRedirectUriPolicy } from '../model/redirect-uri-pattern.ts'
import { ACTIVE_SKILLS } from '../model/skills.ts'
import { parseRedisAddress } from './redis-address.ts'
import type { Setting } from './setting.ts'
import { SettingError } from './setting-error.ts'
import { SETTINGS, type Settings } from './settings.ts'

/**
 * The settings under their environment names, parsed and checked. Whoever holds a `Config` need not check
 * anything again.
 */
export type Config = Readonly<Settings>

/** Everything that is wrong with the settings, all at once, in sentences for the person who set them. */
export class ConfigError extends StartUpError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const list = problems.map((problem) => `  - ${problem}`).join('\n')
    super(`The settings are not complete:\n${list}\n\nTo see it work first: npm run demo needs no settings.`)
    this.problems = problems
  }
}

/**
 * Reads the settings out of an environment. Each may also be given as NAME_FILE, the path of a file that holds
 * the value, as container secrets are. Throws `ConfigError`, which names every setting that is missing or wrong.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const text = readValue(env, name, setting, problems)
    if (text === undefined) {
      if (setting.required) problems.push(`${name} is not set: ${setting.expected}.`)
      else values[name] = setting.default
      continue
    }
    try {
      values[name] = setting.parse(text)
    } catch (error) {
      if (error instanceof SettingError) {
        problems.push(...error.problems.map((problem) => `${name}, ${problem}`))
        continue
      }
      const shown = setting.secret ? '' : ` (it is ${JSON.stringify(text)})`
      problems.push(`${name} should be ${setting.expected}${shown}.`)
    }
  }
  problems.push(...findConflicts(values))
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(values) as unknown as Config
}

function readValue(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  { alias = name }: Pick<Setting<unknown>, 'alias'>,
  problems: string[],
): string | undefined {
  const value = env[alias]?.trim() || env[name]?.trim() || undefined
  const file = env[`${name}_FILE`]?.trim() || undefined
  if (file === undefined) return value
  if (value !== undefined) problems.push(`${name} and ${name}_FILE are both set; one of them is enough.`)
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch {
    problems.push(`${name}_FILE names ${JSON.stringify(file)}, which cannot be read.`)
    return undefined
  }
}

/** What is wrong with settings that are each good by themselves; those that are not are missing here. */
function findConflicts(settings: Partial<Settings>): string[] {
  const conflicts: string[] = []
  const base = URL.parse(settings.BASE_URL ?? '')
  if (base?.protocol === 'http:' && !isLoopbackHost(base.hostname)) {
    conflicts.push(
      `BASE_URL may use http only for this machine itself (http://localhost:3000); clients and browsers refuse to sign in at ${JSON.stringify(settings.BASE_URL)}. Put TLS in front and use its https address.`,
    )
  }
  const { AUDIT_LOG, AUDIT_FILE } = settings
  if (AUDIT_LOG !== undefined && (AUDIT_LOG === 'file') !== (AUDIT_FILE !== undefined)) {
    conflicts.push('AUDIT_LOG=file and AUDIT_FILE need each other: set both, or neither.')
  }
  const { PORT, METRICS_PORT } = settings
  if (PORT !== undefined && PORT !== 0 && PORT === METRICS_PORT) {
    conflicts.push('METRICS_PORT should be another port than PORT, which strangers can reach.')
  }
  const { DISABLED_SKILLS = [] } = settings
  if (ACTIVE_SKILLS.every((skill) => DISABLED_SKILLS.includes(skill))) {
    conflicts.push(
      `DISABLED_SKILLS takes every skill away, so that nobody could be granted anything; leave at least one of ${ACTIVE_SKILLS.join(', ')}.`,
    )
  }
  const providers = ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'OPENROUTER_API_KEY'] as const
  const given = providers.filter((name) => settings[name] !== undefined)
  if (given.length > 1 && settings.EMBEDDED_AGENT_PROVIDER === undefined) {
    conflicts.push(
      `EMBEDDED_AGENT_PROVIDER should name the one to use, since ${given.join(' and ')} are set.`,
    )
  }
  return [...conflicts, ...findRedisConflicts(settings), ...findClientConflicts(settings)]
}

function findRedisConflicts(settings: Partial<Settings>): string[] {
  const { REDIS_URL, REDIS_CLIENT_CERT, REDIS_CLIENT_KEY, REDIS_SENTINEL_USERNAME } = settings
  const conflicts: string[] = []
  const areGood = 'REDIS_CLIENT_CERT' in settings && 'REDIS_CLIENT_KEY' in settings
  if (areGood && (REDIS_CLIENT_CERT === undefined) !== (REDIS_CLIENT_KEY === undefined)) {
    conflicts.push('REDIS_CLIENT_CERT and REDIS_CLIENT_KEY need each other: set both, or neither.')
  }
  const { REDIS_SENTINEL_PASSWORD } = settings
  if (REDIS_SENTINEL_USERNAME !== undefined && REDIS_SENTINEL_PASSWORD === undefined) {
    conflicts.push('REDIS_SENTINEL_PASSWORD is not set, and REDIS_SENTINEL_USERNAME needs it.')
  }
  if (
    REDIS_SENTINEL_PASSWORD !== undefined &&
    REDIS_URL !== undefined &&
    parseRedisAddress(REDIS_URL).shape !== 'sentinel'
  ) {
    conflicts.push('REDIS_SENTINEL_PASSWORD is set, but REDIS_URL names no sentinels (redis+sentinel://…).')
  }
  return conflicts
}

function findClientConflicts(settings: Partial<Settings>): string[] {
  const { DCR, DCR_TOKEN, STATIC_CLIENTS = [], ALLOWED_REDIRECT_URI_PATTERNS = ['*'] } = settings
  const conflicts: string[] = []
  if (DCR === 'token' && DCR_TOKEN === undefined) {
    conflicts.push('DCR_TOKEN is not set, and DCR=token lets only those register who have it.')
  }
  if (DCR === 'open' && DCR_TOKEN !== undefined) {
    conflicts.push(
      'DCR_TOKEN is set, but everybody may register: DCR should be token, or DCR_TOKEN not be set.',
    )
  }
  const isAllowed = createRedirectUriPolicy(ALLOWED_REDIRECT_URI_PATTERNS)
  for (const { id, redirectUris } of STATIC_CLIENTS) {
    if (!redirectUris.every(isAllowed)) {
      conflicts.push(
        `STATIC_CLIENTS gives ${JSON.stringify(id)} a redirect URI that ALLOWED_REDIRECT_URI_PATTERNS does not allow.`,
      )
    }
  }
  return conflicts
}
