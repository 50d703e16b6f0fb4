import { Cluster } from 'ioredis'
import { type Test, test } from 'tap'
import { connectRedis } from '../../../../lib/store/redis/connect.ts'
import type { RedisSettings } from '../../../../lib/store/redis/options.ts'
import { createRedisStore } from '../../../../lib/store/redis/store.ts'
import { type Authority, createAuthority } from '../../../support/certificate.ts'
import { findFreePort } from '../../../support/free-port.ts'
import { createRedisSettings, startRedis, startSentinel } from '../../../support/redis.ts'
import { connectNode } from '../../../support/redis-shapes.ts'
import { until } from '../../../support/wait-until.ts'
import { makeActiveGrant } from '../store-samples.ts'

test('REDIS_CA makes a private authority trusted; without it the log names the setting', async (t) => {
  const authority = await createAuthority(t)
  const { port } = await startTlsRedis(t, authority, '--requirepass', 'hush-word')
  const url = `rediss://:hush-word@localhost:${port}`

  const other = await createAuthority(t)
  const [known, lax, unknown, wrong, byAddress] = await Promise.all([
    connect(t, url, { REDIS_CA: authority.cert }),
    connect(t, url, { REDIS_TLS_REJECT_UNAUTHORIZED: false }),
    connect(t, url),
    connect(t, url, { REDIS_CA: other.cert }),
    connect(t, `rediss://:hush-word@127.0.0.1:${port}`, { REDIS_CA: authority.cert }),
  ])
  t.equal(known.problem, undefined)
  t.match(known.lines, [`Connected to Redis at localhost:${port}.`])
  t.equal(lax.problem, undefined)
  t.match(unknown.problem, /authority that is not trusted here .* REDIS_CA should name the file/)
  t.match(unknown.lines, [
    /^Redis at localhost:\d+ is not available: its certificate comes from an authority/,
  ])
  t.match(wrong.problem, /not trusted here/, 'REDIS_CA is the only trusted authority')
  t.match(byAddress.problem, /does not match certificate's altnames/, 'the name is verified too')
  for (const { lines } of [known, unknown, lax, byAddress]) t.notMatch(lines.join('\n'), 'hush-word')
})

test('a server that requires a client certificate gets REDIS_CLIENT_CERT', async (t) => {
  const authority = await createAuthority(t)
  const { port } = await startTlsRedis(t, authority, '--tls-auth-clients', 'yes')
  const url = `rediss://localhost:${port}`
  const own = await authority.issue('sentry-mcp.test')
  const withCertificate = await connect(t, url, {
    REDIS_CA: authority.cert,
    REDIS_CLIENT_CERT: own.cert,
    REDIS_CLIENT_KEY: own.key,
  })
  t.equal(withCertificate.problem, undefined)
  t.match((await connect(t, url, { REDIS_CA: authority.cert })).problem, /is not available: /)
})

test('user, password and database of the URL are used, and wrong ones are reported', async (t) => {
  const node = connectNode(t, await startRedis(t))
  await node.client.call('ACL', 'SETUSER', 'mara', 'on', '>p@ss:w/rd', '~*', '+@all')
  const withUser = (password: string) =>
    `redis://mara:${encodeURIComponent(password)}@127.0.0.1:${node.port}/3`
  const right = await connect(t, withUser('p@ss:w/rd'))
  await makeActiveGrant(createRedisStore(right.client, { prefix: 'test' }))
  t.match(await node.client.info('keyspace'), /^db3:keys=2/m)
  t.match(String(await right.client.client('LIST')), /user=mara/)
  const wrong = await connect(t, withUser('hush-word'))
  t.match(wrong.problem, /WRONGPASS/)
  t.notMatch(wrong.lines.join('\n'), 'hush-word')
})

test('with TLS, the configuration endpoint of a cluster stays a name, as in its certificate', async (t) => {
  const authority = await createAuthority(t)
  const node = await startTlsRedis(
    t,
    authority,
    ...['--tls-cluster', 'yes', '--cluster-enabled', 'yes', '--cluster-port', String(await findFreePort())],
    ...['--cluster-announce-hostname', 'localhost'],
    ...['--cluster-preferred-endpoint-type', 'hostname'],
  )
  await node.client.cluster('ADDSLOTSRANGE', 0, 16_383)
  await until('it serves', async () => (await node.client.cluster('INFO')).includes('cluster_state:ok'))
  const { client, problem, lines } = await connect(t, `rediss+cluster://localhost:${node.port}`, {
    REDIS_CA: authority.cert,
  })
  t.equal(problem, undefined)
  const { grant } = await makeActiveGrant(createRedisStore(client, { prefix: 'test' }))
  t.equal(await client.exists(`test:grant:{${grant.id}}`), 1)
  t.ok(client instanceof Cluster)
  t.match(lines.join('\n'), `Connected to Redis at localhost:${node.port}.`)
  const unknown = await connect(t, `rediss+cluster://localhost:${node.port}`)
  t.match(unknown.problem, /not trusted here/)
})

test('TLS is used with sentinels too, and sentinels without it are reported', async (t) => {
  const authority = await createAuthority(t)
  const redis = await startTlsRedis(t, authority)
  const { file, keyFile } = await authority.issue('localhost')
  const port = await findFreePort()
  const tls = [
    `tls-port ${port}`,
    `tls-cert-file ${file}`,
    `tls-key-file ${keyFile}`,
    `tls-ca-cert-file ${authority.file}`,
  ]
  const names = ['sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes']
  const plain = await startSentinel(
    t,
    ...tls,
    'tls-auth-clients no',
    'tls-replication yes',
    ...names,
    `sentinel monitor sign-ins localhost ${redis.port} 1`,
  )
  const settings = { REDIS_CA: authority.cert }
  const known = await connect(t, `rediss+sentinel://localhost:${port}/sign-ins`, settings)
  t.equal(known.problem, undefined)
  t.match(await known.client.ping(), 'PONG')

  const [unnamed, unknown, noTls] = await Promise.all([
    connect(t, `rediss+sentinel://localhost:${port}/other`, settings),
    connect(t, `rediss+sentinel://localhost:${port}/sign-ins`),
    connect(t, `${plain.url.replace('redis:', 'rediss+sentinel:')}/sign-ins`, settings),
  ])
  t.match(unnamed.problem, 'the sentinels know no primary with the name other')
  t.match(unknown.problem, 'no sentinel responds')
  t.match(unknown.lines.join('\n'), /Sentinel at localhost:\d+ is not available: its certificate comes from/)
  t.match(noTls.problem, 'no sentinel responds')
})

test('a REDIS_URL of another shape than the server is reported', async (t) => {
  const plain = connectNode(t, await startRedis(t))
  const asCluster = await connect(t, plain.url.replace('redis:', 'redis+cluster:'))
  t.match(asCluster.problem, /not part of a cluster; REDIS_URL should begin with redis:\/\//)

  const node = await startRedis(t, '--cluster-enabled', 'yes', '--cluster-port', String(await findFreePort()))
  const asServer = await connect(t, node.url)
  await until('it is reported', async () => asServer.lines.length > 1)
  t.match(asServer.lines[1], /part of a cluster: REDIS_URL should begin with redis\+cluster/)
})

/** A server that speaks TLS at `port`, with a certificate for localhost, and a plain connection to it. */
async function startTlsRedis(t: Test, authority: Authority, ...args: string[]) {
  const [port, { file, keyFile }] = [await findFreePort(), await authority.issue('localhost')]
  const tls = ['--tls-port', String(port), '--tls-cert-file', file, '--tls-key-file', keyFile]
  const trust = ['--tls-ca-cert-file', authority.file, '--tls-auth-clients', 'no']
  const server = await startRedis(t, ...tls, ...trust, ...args)
  return { port, client: connectNode(t, server).client }
}

async function connect(t: Test, url: string, changes: Partial<RedisSettings> = {}) {
  const lines: string[] = []
  const write = (line: unknown) => {
    lines.push(String(line))
  }
  const log = { info: write, warn: write, error: write }
  const { client, problem, close } = await connectRedis(createRedisSettings(url, changes), log)
  t.teardown(close)
  return { client, problem, lines }
}
