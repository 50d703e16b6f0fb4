import { describeRedisAddress, parseRedisAddress } from '../../lib/config/redis-address.ts'
import { isLoopbackHost } from '../../lib/model/loopback.ts'
import { connectRedis, type RedisConnection } from '../../lib/store/redis/connect.ts'
import { type RedisSettings, usesTls } from '../../lib/store/redis/options.ts'
import { checkRedisServer } from './check-redis-server.ts'
import { listRedisServers } from './list-redis-servers.ts'
import { createReport, type Finding, type Report } from './report.ts'

type RedisCheckSettings = RedisSettings & { BASE_URL: string }

/** Whether Redis or Valkey is there, and such that it keeps what it is given. */
export async function checkRedis(settings: RedisCheckSettings): Promise<Finding[]> {
  const report = createReport('store')
  const warnings: string[] = []
  const connection = await connectRedis(settings, {
    info() {},
    warn: (line: unknown) => warnings.push(String(line)),
    error() {},
  })
  try {
    reportSentinels(warnings, report)
    if (connection.problem !== undefined) {
      report.error(connection.problem, adviseConnection(settings, connection.problem))
    } else {
      await examine(connection, settings, report)
    }
  } finally {
    await connection.close()
  }
  return report.findings
}

function adviseConnection(settings: RedisCheckSettings, problem: string): string {
  const { shape } = parseRedisAddress(settings.REDIS_URL)
  if (/NOAUTH|WRONGPASS/.test(problem))
    return 'Put user and password into REDIS_URL: redis://user:password@host:6379'
  if (/certificate|altname|issuer|self.signed/i.test(problem)) {
    return 'Name the file with its certificate authority in REDIS_CA, and the host as the certificate does in REDIS_URL.'
  }
  if (/no sentinel responds|know no primary/.test(problem)) {
    return 'See whether the sentinels run and REDIS_URL names them: redis-cli -p 26379 sentinel masters lists the primaries they know.'
  }
  if (problem.includes('not part of a cluster')) return 'Name it as one server: redis://host:6379'
  const scheme = usesTls(settings)
    ? 'A server that does not speak TLS wants redis:// and no REDIS_TLS.'
    : 'A server that speaks TLS only wants rediss://.'
  const test = shape === 'single' ? 'redis-cli -u "$REDIS_URL" ping' : 'redis-cli -h <host> ping'
  return `See whether it runs and REDIS_URL is right: ${test} answers PONG. ${scheme}`
}

/** Those that are away, without which the others may be too few to agree on a failover. */
function reportSentinels(warnings: readonly string[], report: Report): void {
  for (const line of warnings) {
    if (!line.startsWith('Sentinel at')) continue
    const finding = line.replace(/ Trying again until it is\.$/, '')
    report.warning(
      finding,
      'Start it: a majority of all sentinels has to agree before another primary is made.',
    )
  }
}

async function examine(
  { client }: RedisConnection,
  settings: RedisCheckSettings,
  report: Report,
): Promise<void> {
  const address = parseRedisAddress(settings.REDIS_URL)
  const servers = listRedisServers(client, address)
  if (address.shape !== 'single') report.ok(`REDIS_URL leads to ${describeRedisAddress(address)}.`)
  reportConnection(settings, report)
  for (const { name, server } of servers) {
    if (server === undefined) {
      report.error(
        `The primary ${name} of the cluster does not answer: what is in its slots is away.`,
        'Start it, or have a replica take over: redis-cli -h <replica> cluster failover takeover.',
      )
      continue
    }
    await checkRedisServer({ name, server, shape: address.shape, baseUrl: settings.BASE_URL }, report)
  }
}

function reportConnection(settings: RedisCheckSettings, report: Report): void {
  const { hosts, password } = parseRedisAddress(settings.REDIS_URL)
  const isRemote = hosts.some(({ host }) => !isLoopbackHost(host))
  if (usesTls(settings) && !settings.REDIS_TLS_REJECT_UNAUTHORIZED) {
    report.warning(
      'The connection is encrypted, but with whoever answers: REDIS_TLS_REJECT_UNAUTHORIZED is false.',
      'Name its certificate authority in REDIS_CA and remove the setting.',
    )
  } else {
    report.ok(usesTls(settings) ? 'The connection is encrypted (TLS).' : 'The connection is not encrypted.')
  }
  if (isRemote && password === undefined) {
    report.warning(
      'It lets in whoever reaches it: REDIS_URL has no password.',
      'Set one there (requirepass, or an ACL user) and put it into REDIS_URL.',
    )
  }
}
