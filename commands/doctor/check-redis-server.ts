import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { RedisAddress } from '../../lib/config/redis-address.ts'
import { createKeyPrefix } from '../../lib/store/keys.ts'
import type { Report } from './report.ts'

/** The oldest release that the store is made for. */
const OLDEST = 7

/** How many names are tried until one belongs to a node of a cluster: enough for a thousandth of the slots. */
const MOST_NAMES = 10_000

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

interface Subject {
  /** `host:port` */
  name: string
  server: Redis
  shape: RedisAddress['shape']
  baseUrl: string
}

type Info = ReadonlyMap<string, string>

/** Whether a server lets the service do what it has to, and keeps what it is given. */
export async function checkRedisServer(subject: Subject, report: Report): Promise<void> {
  const { server, shape, name } = subject
  const info = await readInfo(server)
  const refusals = await tryCommands(subject)
  reportCommands(refusals, report)
  if (info === undefined) {
    report.warning(
      `What ${name} is and how it keeps its data may not be asked (INFO is denied).`,
      'Allow +info, or check maxmemory-policy noeviction and appendonly yes by hand.',
    )
    return
  }
  reportVersion(info, name, report)
  reportRole(info, shape, report)
  reportMemory(info, report)
  await reportPersistence(info, server, report)
}

/** The fields of INFO; undefined where the user may not ask. */
async function readInfo(server: Redis): Promise<Info | undefined> {
  const text = await server.info().catch(() => undefined)
  const lines = text?.matchAll(/^(\w+):(.*?)\r?$/gm) ?? []
  return text === undefined
    ? undefined
    : new Map([...lines].map(([, name = '', value = '']) => [name, value]))
}

/** Runs the commands the service needs one after the other, and says of each that was refused why. */
async function tryCommands({ server, baseUrl }: Subject): Promise<Map<string, string>> {
  const refusals = new Map<string, string>()
  const [first, ...others] = REDIS_COMMANDS as [string, ...string[]]
  const { key, refusal } = await claimKey(server, first, `${createKeyPrefix(baseUrl)}:doctor`)
  // Without the first the others would leave something behind.
  if (refusal !== undefined) return refusals.set(first, refusal)
  for (const command of others) {
    const refusal = await findRefusal(server, command, key)
    if (refusal === undefined) continue
    refusals.set(command, refusal)
    // What is not about one command is about all.
    if (!isDenied(refusal)) break
  }
  return refusals
}

/** Writes a key; of a node of a cluster, one that is in its slots. */
async function claimKey(server: Redis, command: string, prefix: string) {
  for (let count = 0; ; count += 1) {
    const key = `${prefix}:{${randomUUID()}}`
    const refusal = await findRefusal(server, command, key)
    if (!refusal?.startsWith('MOVED') || count === MOST_NAMES) return { key, refusal }
  }
}

async function findRefusal(server: Redis, command: string, key: string): Promise<string | undefined> {
  try {
    await server.call(command, ...listArguments(command, key))
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return /^(NOSCRIPT|WRONGTYPE)/.test(message) ? undefined : message
  }
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
  if (message.startsWith('CLUSTERDOWN')) {
    return 'Start the primaries that are away, or see with redis-cli cluster info what is missing.'
  }
  if (message.startsWith('MISCONF'))
    return 'It cannot write its snapshots: see its own log, mostly a full disk.'
  return 'See its own log.'
}

function reportVersion(info: Info, address: string, report: Report): void {
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

/** Sentinel and clusters are there for the day when a primary is lost, which takes a replica. */
function reportRole(info: Info, shape: Subject['shape'], report: Report): void {
  const role = info.get('role') === 'slave' ? 'replica' : 'primary'
  const mode = info.get('redis_mode')
  if (shape === 'single' && mode === 'cluster') {
    report.error(
      'It is part of a cluster, and keeps a part of the keys only.',
      'REDIS_URL should begin with redis+cluster:// or rediss+cluster://.',
    )
    return
  }
  const replicas = Number(info.get('connected_slaves') ?? 0)
  const finding = `It is a ${role} with ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}.`
  if (shape === 'single' || replicas > 0) report.ok(finding)
  else report.warning(finding, 'Add one: without it nothing takes over when this server is lost.')
}

function reportMemory(info: Info, report: Report): void {
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

async function reportPersistence(info: Info, server: Redis, report: Report): Promise<void> {
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
  const schedule = await server.config('GET', 'save').then(
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
