import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import { isLoopbackHost } from '../loopback.ts'
import { connectRedis, usesTls } from '../store/connect-redis.ts'
import { createKeyPrefix } from '../store/keys.ts'
import { createReport, type Finding, type Report } from './report.ts'

type RedisCheckSettings = Pick<
  Config,
  'BASE_URL' | 'REDIS_URL' | 'REDIS_TLS' | 'REDIS_TLS_REJECT_UNAUTHORIZED'
>

/** The oldest release that the store is made for. */
const OLDEST = 7

/**
 * Every command the service sends, by itself or in a script, with the arguments after the key. The key holds a
 * short-lived string from the first one on, so that those for other types change nothing, and is gone after the
 * last.
 */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  set: ['1', 'PX', '10000'],
  get: [],
  incr: [],
  pexpire: ['10000'],
  pexpireat: [String(Date.now() + 60_000)],
  pttl: [],
  hset: ['field', '1'],
  hget: ['field'],
  hmget: ['field'],
  hdel: ['field'],
  zadd: ['1', 'member'],
  zrange: ['0', '-1'],
  zrem: ['member'],
  zremrangebyscore: ['0', '1'],
  evalsha: [],
  eval: [],
  time: [],
  ping: [],
  del: [],
}

/** The names of the commands that the user of REDIS_URL must be allowed. */
export const REDIS_COMMANDS: readonly string[] = Object.keys(COMMANDS)

/** Whether Redis or Valkey is there, and such that it keeps what it is given. */
export async function checkRedis(settings: RedisCheckSettings): Promise<Finding[]> {
  const report = createReport('store')
  const { redis, problem } = await connect(settings)
  try {
    if (redis.status !== 'ready') {
      report.error(
        problem ?? `${describeAddress(settings)} does not answer.`,
        adviseConnection(settings, problem),
      )
    } else {
      await examine(redis, settings, report)
    }
  } finally {
    redis.disconnect()
  }
  return report.findings
}

async function connect(settings: RedisCheckSettings) {
  let problem: string | undefined
  const redis = await connectRedis(settings, {
    info() {},
    warn() {},
    error(line: unknown) {
      problem = String(line).replace(/ Trying again until it is\.$/, '')
    },
  })
  return { redis, problem }
}

function adviseConnection(settings: RedisCheckSettings, problem = ''): string {
  if (/NOAUTH|WRONGPASS/.test(problem))
    return 'Put user and password into REDIS_URL: redis://user:password@host:6379'
  if (/certificate|altname|issuer|self.signed/i.test(problem)) {
    return 'Name the file with its certificate authority in NODE_EXTRA_CA_CERTS, and the host as the certificate does in REDIS_URL.'
  }
  const scheme = usesTls(settings)
    ? 'A server that does not speak TLS wants redis:// and no REDIS_TLS.'
    : 'A server that speaks TLS only wants rediss://.'
  return `See whether it runs and REDIS_URL is right: redis-cli -u "$REDIS_URL" ping answers PONG. ${scheme}`
}

async function examine(redis: Redis, settings: RedisCheckSettings, report: Report): Promise<void> {
  const info = await readInfo(redis)
  const refusals = await tryCommands(redis, settings.BASE_URL)
  reportCommands(refusals, report)
  reportConnection(settings, report)
  if (info === undefined) {
    report.warning(
      'What it is and how it keeps its data may not be asked (INFO is denied).',
      'Allow +info, or check maxmemory-policy noeviction and appendonly yes by hand.',
    )
    return
  }
  reportVersion(info, describeAddress(settings), report)
  reportMemory(info, report)
  await reportPersistence(info, redis, report)
}

/** The fields of INFO; undefined where the user may not ask. */
async function readInfo(redis: Redis): Promise<ReadonlyMap<string, string> | undefined> {
  const text = await redis.info().catch(() => undefined)
  const lines = text?.matchAll(/^(\w+):(.*?)\r?$/gm) ?? []
  return text === undefined
    ? undefined
    : new Map([...lines].map(([, name = '', value = '']) => [name, value]))
}

/** Runs the commands the service needs one after the other, and says of each that was refused why. */
async function tryCommands(redis: Redis, baseUrl: string): Promise<Map<string, string>> {
  const refusals = new Map<string, string>()
  const key = `${createKeyPrefix(baseUrl)}:doctor:{${randomUUID()}}`
  for (const command of REDIS_COMMANDS) {
    try {
      await redis.call(command, ...listArguments(command, key))
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (/^(NOSCRIPT|WRONGTYPE)/.test(message)) continue
      refusals.set(command, message)
      // Without the first the others would leave something behind; what is not about one command is about all.
      if (command === 'set' || !isDenied(message)) break
    }
  }
  return refusals
}

function listArguments(command: string, key: string): string[] {
  if (command === 'time' || command === 'ping') return []
  if (command === 'evalsha') return ['0'.repeat(40), '1', key]
  if (command === 'eval') return ['return 1', '1', key]
  return [key, ...(COMMANDS[command] ?? [])]
}

function isDenied(message: string): boolean {
  return message.startsWith('NOPERM')
}

function reportCommands(refusals: ReadonlyMap<string, string>, report: Report): void {
  const denied = [...refusals].filter(([, message]) => isDenied(message)).map(([name]) => name)
  if (denied.length > 0) {
    const rules = denied.map((name) => `+${name}`).join(' ')
    report.error(
      `The user of REDIS_URL may not run ${denied.join(', ')} on keys that begin with sentry-mcp:.`,
      `Allow it: ACL SETUSER <user> ${rules} ~sentry-mcp:*. docs/storage.md lists all that is needed.`,
    )
  }
  const failed = [...refusals].find(([, message]) => !isDenied(message))
  if (failed !== undefined) {
    const [command, message] = failed
    report.error(`It does not take ${command}: ${message.split(/[,.]/)[0]}.`, adviseRefusal(message))
  }
  if (refusals.size === 0) report.ok('Every command the service needs is allowed and works.')
}

function adviseRefusal(message: string): string {
  if (message.startsWith('READONLY')) return 'It is a replica: REDIS_URL should name the primary.'
  if (message.startsWith('OOM')) return 'Its memory is full: raise maxmemory.'
  if (message.startsWith('MISCONF'))
    return 'It cannot write its snapshots: see its own log, mostly a full disk.'
  return 'See its own log.'
}

function reportConnection(settings: RedisCheckSettings, report: Report): void {
  const { hostname, password } = new URL(settings.REDIS_URL)
  const isRemote = !isLoopbackHost(hostname)
  if (usesTls(settings) && !settings.REDIS_TLS_REJECT_UNAUTHORIZED) {
    report.warning(
      'The connection is encrypted, but with whoever answers: REDIS_TLS_REJECT_UNAUTHORIZED is false.',
      'Name its certificate authority in NODE_EXTRA_CA_CERTS and remove the setting.',
    )
  } else {
    report.ok(usesTls(settings) ? 'The connection is encrypted (TLS).' : 'The connection is not encrypted.')
  }
  if (isRemote && password === '') {
    report.warning(
      'It lets in whoever reaches it: REDIS_URL has no password.',
      'Set one there (requirepass, or an ACL user) and put it into REDIS_URL.',
    )
  }
}

function reportVersion(info: ReadonlyMap<string, string>, address: string, report: Report): void {
  const valkey = info.get('valkey_version')
  const version = valkey ?? info.get('redis_version') ?? 'of an unknown version'
  const product = `${valkey === undefined ? 'Redis' : 'Valkey'} ${version}`
  if (Number.parseInt(version, 10) < OLDEST) {
    report.warning(
      `${product} is at ${address}.`,
      `It is made for and tested with ${OLDEST}.0 or newer: upgrade.`,
    )
  } else {
    report.ok(`${product} is at ${address}.`)
  }
}

function reportMemory(info: ReadonlyMap<string, string>, report: Report): void {
  const policy = info.get('maxmemory_policy')
  if (policy === undefined || policy === 'noeviction') {
    report.ok(`maxmemory-policy is ${policy ?? 'not told'}.`)
    return
  }
  report.warning(
    `maxmemory-policy is ${policy}: when its memory is full it forgets sign-ins.`,
    'Set maxmemory-policy to noeviction: redis-cli config set maxmemory-policy noeviction, and in its configuration.',
  )
}

async function reportPersistence(
  info: ReadonlyMap<string, string>,
  redis: Redis,
  report: Report,
): Promise<void> {
  if (info.get('aof_last_write_status') === 'err' || info.get('rdb_last_bgsave_status') === 'err') {
    report.error('Its last attempt to write to its disk failed.', 'See its own log, mostly a full disk.')
    return
  }
  if (info.get('aof_enabled') === '1') {
    report.ok('It keeps a log of all changes (appendonly).')
    return
  }
  const advice = 'Set appendonly yes: redis-cli config set appendonly yes, and in its configuration.'
  // Managed services deny CONFIG, some by saying that there is no such command.
  const schedule = await redis.config('GET', 'save').then(
    (pairs) => (pairs as string[])[1] ?? '',
    () => undefined,
  )
  if (schedule === undefined) {
    report.warning(
      'It keeps no log of changes; whether it makes snapshots may not be asked (CONFIG).',
      advice,
    )
  } else if (schedule === '') {
    report.warning('It keeps nothing: when it restarts, everybody has to sign in again.', advice)
  } else {
    report.warning('It makes snapshots only: a crash loses the sign-ins since the last one.', advice)
  }
}

function describeAddress({ REDIS_URL }: RedisCheckSettings): string {
  const { hostname, port } = new URL(REDIS_URL)
  return `${hostname}:${port || 6379}`
}
