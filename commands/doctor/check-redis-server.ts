import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { RedisAddress } from '../../lib/config/redis-address.ts'
import { createKeyPrefix } from '../../lib/store/keys.ts'
import type { Report } from './report.ts'

const MIN_MAJOR_VERSION = 7

/** How many keys are tried until one belongs to a node of a cluster: enough for a thousandth of the slots. */
const MAX_KEYS = 10_000

/**
 * Every command of the store and the rate limiter, in scripts or directly; a test compares it with both. KEY is a
 * string that expires, so the commands for other types change nothing. The first one creates it, the last removes it.
 */
const COMMANDS: readonly string[] = [
  `set KEY 1 PX 10000; get KEY; incr KEY; pexpire KEY 10000; pexpireat KEY ${Date.now() + 60_000}`,
  'pttl KEY; pexpiretime KEY',
  'hset KEY field 1; hget KEY field; hmget KEY field; hexists KEY field; hdel KEY field',
  'zadd KEY 1 member; zrange KEY 0 -1; zrevrange KEY 0 -1; zrem KEY member',
  `evalsha ${'0'.repeat(40)} 1 KEY; eval return(1) 1 KEY; time; ping; del KEY`,
].flatMap((commands) => commands.split('; '))

/** The names of the commands that the user of REDIS_URL must be allowed. */
export const REDIS_COMMANDS: readonly string[] = COMMANDS.map(getName)

interface Target {
  /** `host:port` */
  name: string
  server: Redis
  shape: RedisAddress['shape']
  baseUrl: string
}

type Info = ReadonlyMap<string, string>

/** Checks that a server allows the commands of the store, and that it keeps its data. */
export async function checkRedisServer(target: Target, report: Report): Promise<void> {
  const { server, name } = target
  const info = await readInfo(server)
  reportCommands(await tryCommands(target), name, report)
  if (info === undefined) {
    report.warning(
      `The version and the persistence of ${name} cannot be checked: INFO is denied.`,
      'Allow +info, or check yourself that maxmemory-policy is noeviction and appendonly is yes.',
    )
    return
  }
  reportVersion(info, name, report)
  reportRole(info, target, report)
  reportMemory(info, name, report)
  await reportPersistence(info, name, server, report)
}

/** The fields of INFO; undefined where it is denied. */
async function readInfo(server: Redis): Promise<Info | undefined> {
  const text = await server.info().catch(() => undefined)
  if (text === undefined) return undefined
  return new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]))
}

/** Runs the commands one after the other. Returns the error of each command that was refused. */
async function tryCommands({ server, baseUrl }: Target): Promise<Map<string, string>> {
  const refusals = new Map<string, string>()
  const [first = '', ...others] = COMMANDS
  const { key, refusal } = await createKey(server, first, `${createKeyPrefix(baseUrl)}:doctor`)
  // Without the expiry that the first sets, the others would leave a key behind.
  if (refusal !== undefined) return refusals.set(getName(first), refusal)
  for (const command of others) {
    const refusal = await findRefusal(server, command, key)
    if (refusal === undefined) continue
    refusals.set(getName(command), refusal)
    // An error other than a denial concerns every command.
    if (!isDenied(refusal)) break
  }
  return refusals
}

/** Writes a key; on a node of a cluster, one in the slots of that node. */
async function createKey(server: Redis, command: string, prefix: string) {
  for (let count = 0; ; count += 1) {
    const key = `${prefix}:{${randomUUID()}}`
    const refusal = await findRefusal(server, command, key)
    if (!refusal?.startsWith('MOVED') || count === MAX_KEYS) return { key, refusal }
  }
}

async function findRefusal(server: Redis, command: string, key: string): Promise<string | undefined> {
  const [name = '', ...args] = command.split(' ')
  try {
    await server.call(name, ...args.map((arg) => (arg === 'KEY' ? key : arg)))
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return /^(NOSCRIPT|WRONGTYPE)/.test(message) ? undefined : message
  }
}

function getName(command: string): string {
  return command.replace(/ .*/, '')
}

function isDenied(message: string): boolean {
  return message.startsWith('NOPERM')
}

const REFUSALS: readonly [errors: RegExp, advice: string][] = [
  [/^READONLY/, 'It is a replica: set REDIS_URL to the primary.'],
  [/^OOM/, 'Its memory is full: raise maxmemory.'],
  [/^CLUSTERDOWN/, 'Start the primaries that are missing; redis-cli cluster info says what is wrong.'],
  [/^MISCONF/, 'It cannot write its snapshots, usually because the disk is full: check its log.'],
]

function reportCommands(refusals: ReadonlyMap<string, string>, name: string, report: Report): void {
  const denied = [...refusals].filter(([, message]) => isDenied(message)).map(([command]) => command)
  if (denied.length > 0) {
    report.error(
      `The user of REDIS_URL may not run ${denied.join(', ')} on keys that begin with sentry-mcp:.`,
      `Allow it: ACL SETUSER <user> ${denied.map((command) => `+${command}`).join(' ')} ~sentry-mcp:*. docs/storage.md lists all commands.`,
    )
  }
  const failed = [...refusals].find(([, message]) => !isDenied(message))
  if (failed !== undefined) {
    const [command, message] = failed
    const [, advice = 'Check its log.'] = REFUSALS.find(([errors]) => errors.test(message)) ?? []
    report.error(`${name} refuses ${command}: ${message.split(/[,.]/)[0]}.`, advice)
  }
  if (refusals.size === 0) report.ok(`${name} allows every command that the service needs.`)
}

function reportVersion(info: Info, name: string, report: Report): void {
  const valkey = info.get('valkey_version')
  const version = valkey ?? info.get('redis_version') ?? 'of an unknown version'
  const isOld = Number.parseInt(version, 10) < MIN_MAJOR_VERSION
  report.okIf(
    !isOld,
    `${valkey === undefined ? 'Redis' : 'Valkey'} ${version} is at ${name}${isOld ? ', and is too old' : ''}.`,
    `Upgrade it: the service is made for and tested with ${MIN_MAJOR_VERSION}.0 and newer.`,
  )
}

/** Sentinels and clusters are for failover, which needs a replica. */
function reportRole(info: Info, { name, shape }: Target, report: Report): void {
  if (shape === 'single' && info.get('redis_mode') === 'cluster') {
    report.error(
      `${name} is a node of a cluster, and has only a part of the keys.`,
      'Begin REDIS_URL with redis+cluster:// or rediss+cluster://.',
    )
    return
  }
  const role = info.get('role') === 'slave' ? 'replica' : 'primary'
  const replicas = Number(info.get('connected_slaves') ?? 0)
  report.okIf(
    shape === 'single' || replicas > 0,
    `${name} is a ${role} with ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}.`,
    'Add a replica: without one there is no failover when this server is lost.',
  )
}

function reportMemory(info: Info, name: string, report: Report): void {
  const policy = info.get('maxmemory_policy') ?? 'not reported'
  const deletes = !['noeviction', 'not reported'].includes(policy)
  report.okIf(
    !deletes,
    `maxmemory-policy of ${name} is ${policy}${deletes ? ': it deletes sign-ins when its memory is full' : ''}.`,
    'Set it to noeviction: redis-cli config set maxmemory-policy noeviction, and in its configuration.',
  )
}

async function reportPersistence(info: Info, name: string, server: Redis, report: Report): Promise<void> {
  if (info.get('aof_last_write_status') === 'err' || info.get('rdb_last_bgsave_status') === 'err') {
    report.error(`The last write of ${name} to its disk failed.`, 'Check its log; often the disk is full.')
    return
  }
  if (info.get('aof_enabled') === '1') {
    report.ok(`${name} logs every change to its disk (appendonly).`)
    return
  }
  report.warning(
    await describeSnapshots(name, server),
    'Set appendonly to yes: redis-cli config set appendonly yes, and in its configuration.',
  )
}

async function describeSnapshots(name: string, server: Redis): Promise<string> {
  try {
    const [, schedule] = (await server.config('GET', 'save')) as string[]
    if (schedule) return `${name} makes snapshots only: a crash loses the sign-ins since the last one.`
    return `${name} keeps nothing on its disk: a restart signs every user out.`
  } catch {
    // Managed services deny CONFIG, some with "unknown command".
    return `${name} logs no changes to its disk; whether it makes snapshots is unknown: CONFIG is denied.`
  }
}
