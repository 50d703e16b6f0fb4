import { Cluster, type Redis } from 'ioredis'
import type { Config } from '../../lib/config/load.ts'
import {
  describeRedisAddress,
  formatHost,
  parseRedisAddress,
  type RedisAddress,
} from '../../lib/config/redis-address.ts'
import { isLoopbackHost } from '../../lib/model/loopback.ts'
import { listPrimaries } from '../../lib/store/redis/cluster.ts'
import { connectRedis } from '../../lib/store/redis/connect.ts'
import { usesTls } from '../../lib/store/redis/options.ts'
import { checkRedisServer } from './check-redis-server.ts'
import { createReport, type Finding, type Report } from './report.ts'

/** Checks that Redis or Valkey can be reached, does what the store needs, and loses no data. */
export async function checkRedis(settings: Config): Promise<Finding[]> {
  const report = createReport('store')
  const address = parseRedisAddress(settings.REDIS_URL)
  const warnings: string[] = []
  const log = { info() {}, warn: (line: unknown) => warnings.push(String(line)), error() {} }
  const { client, problem, close } = await connectRedis(settings, log)
  try {
    reportSentinels(warnings, report)
    if (problem === undefined) await reportServers(client, address, settings, report)
    else report.error(problem, adviseConnection(settings, address, problem))
  } finally {
    await close()
  }
  return report.findings
}

function adviseConnection(settings: Config, { shape }: RedisAddress, problem: string): string {
  if (/NOAUTH|WRONGPASS/.test(problem))
    return 'Put the right user and password into REDIS_URL, percent-encoded where a URL needs it: redis://user:password@host:6379'
  if (/certificate|altname|issuer|self.signed/i.test(problem))
    return 'Set REDIS_CA to the file with the certificate authority of Redis, and use the host name of the certificate in REDIS_URL.'
  if (/no sentinel responds|know no primary/.test(problem))
    return 'Check that the sentinels run and that REDIS_URL names them: redis-cli -p 26379 sentinel masters lists the primaries they know.'
  if (problem.includes('not part of a cluster')) return 'Use the form for one server: redis://host:6379'
  const scheme = usesTls(settings)
    ? 'If the server does not speak TLS, use redis:// and remove REDIS_TLS.'
    : 'If the server speaks only TLS, use rediss://.'
  const test = shape === 'single' ? 'redis-cli -u "$REDIS_URL" ping' : 'redis-cli -h <host> ping'
  return `Check that it runs and that REDIS_URL is right: ${test} prints PONG. ${scheme} One instance needs no Redis with STORE=embedded.`
}

/** Reports the sentinels that are unavailable: those that are left may be too few for a failover. */
function reportSentinels(warnings: readonly string[], report: Report): void {
  for (const line of warnings.filter((line) => line.startsWith('Sentinel at'))) {
    report.warning(
      line.replace(/ Trying again until it is\.$/, ''),
      'Start it: a failover needs the agreement of a majority of all sentinels.',
    )
  }
}

async function reportServers(
  client: Redis | Cluster,
  address: RedisAddress,
  settings: Config,
  report: Report,
): Promise<void> {
  const { shape } = address
  if (shape !== 'single') report.ok(`REDIS_URL leads to ${describeRedisAddress(address)}.`)
  reportConnection(settings, address, report)
  for (const { name, server } of listServers(client, address)) {
    if (server !== undefined) {
      await checkRedisServer({ name, server, shape, baseUrl: settings.BASE_URL }, report)
      continue
    }
    report.error(
      `The primary ${name} of the cluster does not respond: the data in its slots is unavailable.`,
      'Start it, or promote a replica: redis-cli -h <replica> cluster failover takeover.',
    )
  }
}

/** The servers with the data, as `host:port`: one, or the primaries of the cluster. Without `server` it is down. */
function listServers(
  client: Redis | Cluster,
  { shape, hosts: [configured] }: RedisAddress,
): { name: string; server: Redis | undefined }[] {
  if (client instanceof Cluster) {
    return listPrimaries(client).map(({ name, client }) => ({
      name,
      server: client?.status === 'ready' ? client : undefined,
    }))
  }
  const { remoteAddress: host = '', remotePort: port = 0 } = client.stream
  const connected = { host, port }
  return [{ name: formatHost(shape === 'sentinel' ? connected : (configured ?? connected)), server: client }]
}

function reportConnection(settings: Config, { hosts, password }: RedisAddress, report: Report): void {
  const isVerified = settings.REDIS_TLS_REJECT_UNAUTHORIZED
  if (usesTls(settings)) {
    report.okIf(
      isVerified,
      `The connection is encrypted (TLS); the certificate is ${isVerified ? 'verified' : 'not verified: REDIS_TLS_REJECT_UNAUTHORIZED is false'}.`,
      'Set REDIS_CA to its certificate authority and remove REDIS_TLS_REJECT_UNAUTHORIZED.',
    )
  } else report.ok('The connection is not encrypted.')
  if (hosts.some(({ host }) => !isLoopbackHost(host)) && password === undefined) {
    report.warning(
      'REDIS_URL has no password: every machine that can reach Redis can read and change the data.',
      'Set a password there (requirepass, or an ACL user) and put it into REDIS_URL.',
    )
  }
}
