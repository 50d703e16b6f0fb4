import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { StartUpError } from '../errors.ts'
import { isCloudHost } from '../model/cloud-host.ts'
import { isLoopbackHost } from '../model/loopback.ts'
import { createRedirectUriPolicy } from '../model/redirect-uri-pattern.ts'
import { coversSentryScope } from '../model/scope.ts'
import { ACTIVE_SKILLS } from '../model/skills.ts'
import { parseRedisAddress } from './redis-address.ts'
import { type Setting, SettingError } from './setting.ts'
import { SETTINGS, type Settings } from './settings.ts'
import { findMisspelledSettings } from './warnings.ts'

/** The settings under the names of their environment variables, parsed and validated. */
export type Config = Readonly<Settings>

type Environment = Readonly<Record<string, string | undefined>>

/** Invalid configuration: all problems at once, in sentences for the operator. */
export class ConfigError extends StartUpError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const list = problems.map((problem) => `  - ${problem}`).join('\n')
    super(`Invalid configuration:\n${list}\n\nTo try the server first: npm run demo needs no settings.`)
    this.problems = problems
  }
}

/**
 * Reads the settings from an environment. Each may also be given as NAME_FILE, the path of a file that holds the
 * value, as container secrets are. Throws a `ConfigError`, which names every setting that is missing or wrong.
 */
export function loadConfig(env: Environment): Config {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const text = readText(env, name, setting, problems)
    if (text !== undefined) {
      try {
        values[name] = setting.parse(text)
      } catch (error) {
        problems.push(...describeFailure(error, name, setting, text))
      }
    } else if (setting.required) problems.push(`${name} is not set: ${setting.expected}.`)
    else values[name] = setting.default
  }
  problems.push(...findConflicts(values))
  if (problems.length > 0) throw new ConfigError([...problems, ...findMisspelledSettings(env)])
  // Each value comes from its own setting, which a loop over all of them cannot tell the compiler.
  return Object.freeze(values) as unknown as Config
}

function readText(
  env: Environment,
  name: string,
  { alias = name }: Setting<unknown>,
  problems: string[],
): string | undefined {
  // Editors on Windows begin a file with a mark that readers of .env take for a part of its first name.
  const value = readValue(env[alias]) ?? readValue(env[name]) ?? readValue(env[`\uFEFF${name}`])
  const file = readValue(env[`${name}_FILE`])
  if (file === undefined) return value
  if (value !== undefined) problems.push(`${name} and ${name}_FILE are both set; one of them is enough.`)
  try {
    return readValue(readFileSync(file, 'utf8'))
  } catch {
    problems.push(`${name}_FILE names ${JSON.stringify(file)}, which cannot be read.`)
    return undefined
  }
}

/**
 * A value without a pair of quotes around it, which `docker run --env-file` and secret stores keep, and other readers of
 * the same file remove. Undefined if nothing is left.
 */
function readValue(text: string | undefined): string | undefined {
  const value = text?.trim() ?? ''
  const [, , inner = value] = /^(["'])(.*)\1$/s.exec(value) ?? []
  return inner.trim() || undefined
}

function describeFailure(
  error: unknown,
  name: string,
  { expected, secret }: Setting<unknown>,
  text: string,
): string[] {
  if (error instanceof SettingError) return error.problems.map((problem) => `${name}: ${problem}`)
  const shown = secret ? '' : ` (it is ${JSON.stringify(text)})`
  return [`${name} should be ${expected}${shown}.`]
}

/** Settings that are valid each, but not together. Those that are invalid are missing from `settings`. */
function findConflicts(settings: Partial<Settings>): string[] {
  const conflicts: string[] = []
  const base = URL.parse(settings.BASE_URL ?? '')
  if (base?.protocol === 'http:' && !isLoopbackHost(base.hostname)) {
    conflicts.push(
      `BASE_URL may use http only for this machine itself (http://localhost:3000); clients and browsers refuse to sign in at ${JSON.stringify(settings.BASE_URL)}. Put TLS in front and use its https URL.`,
    )
  }
  const { AUDIT_LOG, AUDIT_FILE } = settings
  if (AUDIT_LOG !== undefined && (AUDIT_LOG === 'file') !== (AUDIT_FILE !== undefined)) {
    conflicts.push('AUDIT_LOG=file and AUDIT_FILE need each other: set both, or neither.')
  }
  const { PORT, METRICS_PORT } = settings
  if (PORT !== undefined && PORT !== 0 && PORT === METRICS_PORT) {
    conflicts.push('METRICS_PORT should be another port than PORT, which is public.')
  }
  const { DISABLED_SKILLS = [] } = settings
  if (ACTIVE_SKILLS.every((skill) => DISABLED_SKILLS.includes(skill))) {
    conflicts.push(
      `DISABLED_SKILLS disables every skill, which leaves users nothing to grant; enable at least one of ${ACTIVE_SKILLS.join(', ')}.`,
    )
  }
  const { ALLOWED_ORGANIZATIONS = [], SENTRY_SCOPES = [] } = settings
  if (ALLOWED_ORGANIZATIONS.length > 0 && !coversSentryScope(SENTRY_SCOPES, 'org:read')) {
    conflicts.push(
      'SENTRY_SCOPES should include org:read, which ALLOWED_ORGANIZATIONS needs to see who is a member.',
    )
  }
  const providers = ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'OPENROUTER_API_KEY'] as const
  const given = providers.filter((name) => settings[name] !== undefined)
  if (given.length > 1 && settings.EMBEDDED_AGENT_PROVIDER === undefined) {
    conflicts.push(
      `EMBEDDED_AGENT_PROVIDER should name the one to use, since ${given.join(' and ')} are set.`,
    )
  }
  return [
    ...conflicts,
    ...findRedisConflicts(settings),
    ...findSentryConflicts(settings),
    ...findClientConflicts(settings),
  ]
}

function findRedisConflicts(settings: Partial<Settings>): string[] {
  const { REDIS_URL, REDIS_SENTINEL_USERNAME, REDIS_SENTINEL_PASSWORD } = settings
  const conflicts = findKeyConflicts(settings, 'REDIS_CLIENT_CERT', 'REDIS_CLIENT_KEY')
  if (REDIS_SENTINEL_PASSWORD === undefined) {
    if (REDIS_SENTINEL_USERNAME !== undefined)
      conflicts.push('REDIS_SENTINEL_PASSWORD is not set, and REDIS_SENTINEL_USERNAME needs it.')
  } else if (REDIS_URL !== undefined && parseRedisAddress(REDIS_URL).shape !== 'sentinel') {
    conflicts.push('REDIS_SENTINEL_PASSWORD is set, but REDIS_URL names no sentinels (redis+sentinel://…).')
  }
  return conflicts
}

/** A client certificate is of use only with its own key. */
function findKeyConflicts(
  settings: Partial<Settings>,
  certificateName: 'REDIS_CLIENT_CERT' | 'SENTRY_CLIENT_CERT',
  keyName: 'REDIS_CLIENT_KEY' | 'SENTRY_CLIENT_KEY',
): string[] {
  if (!(certificateName in settings && keyName in settings)) return []
  const { [certificateName]: certificate, [keyName]: key } = settings
  if ((certificate === undefined) !== (key === undefined))
    return [`${certificateName} and ${keyName} need each other: set both, or neither.`]
  if (certificate === undefined || key === undefined) return []
  const fits = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
  return fits ? [] : [`${keyName} is not the key of ${certificateName}: set the two that were made together.`]
}

/** The settings for a Sentry behind an access proxy. */
function findSentryConflicts(settings: Partial<Settings>): string[] {
  const { SENTRY_HOST, SENTRY_PROTOCOL, SENTRY_CUSTOM_HEADERS = {} } = settings
  const conflicts = findKeyConflicts(settings, 'SENTRY_CLIENT_CERT', 'SENTRY_CLIENT_KEY')
  const given = (['SENTRY_PUBLIC_URL', 'SENTRY_CUSTOM_HEADERS', 'SENTRY_CLIENT_CERT'] as const).filter(
    (name) => settings[name] !== undefined,
  )
  if (SENTRY_HOST !== undefined && isCloudHost(SENTRY_HOST) && given.length > 0) {
    conflicts.push(
      `${given.join(' and ')} cannot be used with sentry.io, which every network reaches at the same address and without an access proxy: remove ${given.length > 1 ? 'them' : 'it'}.`,
    )
  } else if (isCloudHost(new URL(settings.SENTRY_PUBLIC_URL ?? 'https://localhost').host)) {
    conflicts.push('SENTRY_PUBLIC_URL cannot be sentry.io: set SENTRY_HOST to sentry.io instead.')
  }
  if (settings.SENTRY_CLIENT_CERT !== undefined && SENTRY_PROTOCOL === 'http') {
    conflicts.push('SENTRY_CLIENT_CERT needs TLS, and SENTRY_PROTOCOL is http: set it to https.')
  }
  if ('proxy-authorization' in SENTRY_CUSTOM_HEADERS && SENTRY_HOST !== undefined) {
    const { HTTPS_PROXY, HTTP_PROXY, NO_PROXY = [] } = settings
    const name = SENTRY_HOST.replace(/:\d+$/, '')
    const isDirect = NO_PROXY.some(
      (host) => ['*', name, SENTRY_HOST].includes(host) || (host.startsWith('.') && name.endsWith(host)),
    )
    if ((HTTPS_PROXY !== undefined || HTTP_PROXY !== undefined) && !isDirect) {
      conflicts.push(
        'SENTRY_CUSTOM_HEADERS has Proxy-Authorization, which the proxy of HTTPS_PROXY would take for itself: add SENTRY_HOST to NO_PROXY, or use another header.',
      )
    }
  }
  return conflicts
}

function findClientConflicts(settings: Partial<Settings>): string[] {
  const { DCR, DCR_TOKEN, STATIC_CLIENTS = [], ALLOWED_REDIRECT_URI_PATTERNS = ['*'] } = settings
  const conflicts: string[] = []
  if (DCR === 'token' && DCR_TOKEN === undefined) {
    conflicts.push('DCR_TOKEN is not set, and DCR=token needs it.')
  }
  if (DCR === 'open' && DCR_TOKEN !== undefined) {
    conflicts.push('DCR_TOKEN is set, but DCR=open does not require it: set DCR=token, or remove DCR_TOKEN.')
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
