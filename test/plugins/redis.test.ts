import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { loadConfig } from '../../lib/config/load.ts'
import { EmbeddedStoreError } from '../../lib/store/sqlite/database.ts'
import { StoreUnavailableError } from '../../lib/store/store.ts'
import configPlugin from '../../plugins/config.ts'
import metricsPlugin from '../../plugins/metrics.ts'
import redisPlugin from '../../plugins/redis.ts'
import tracingPlugin from '../../plugins/tracing.ts'
import { startRedis } from '../support/redis.ts'

test('with STORE=redis the store and fastify.redis share one connection, closed with the app', async (t) => {
  const { url } = await startRedis(t)
  const app = buildApp(t, { REDIS_URL: url })
  await app.ready()
  t.equal(app.store.kind, 'redis')
  await app.store.saveTransaction('id', { browserHash: 'b', sealed: 's' }, 60_000)
  t.same(await app.redis.keys('*'), ['sentry-mcp:localhost:3000:transaction:{id}'])
  await app.close()
  await sleep(100)
  t.equal(app.redis.status, 'end')
})

test('the app starts without Redis, uses it once it is available, and closes either way', async (t) => {
  const server = await startRedis(t)
  await server.kill()
  const [app, impatient] = [buildApp(t, { REDIS_URL: server.url }), buildApp(t, { REDIS_URL: server.url })]
  await t.resolves(start(app))
  await t.rejects(app.store.ping(), StoreUnavailableError)
  await impatient.ready()
  await t.resolves(async () => impatient.close())
  await server.restart()
  while (app.redis.status !== 'ready') await sleep(20)
  await t.resolves(app.store.ping())
})

test('STORE=embedded uses a file and no Redis', async (t) => {
  const settings = { STORE: 'embedded', DATA_DIR: t.testdir() }
  const app = buildApp(t, settings)
  await app.ready()
  t.equal(app.store.kind, 'embedded')
  t.notOk(app.hasDecorator('redis'))
  await t.rejects(start(buildApp(t, settings)), EmbeddedStoreError)
  await app.close()
  await t.resolves(start(buildApp(t, settings)))
})

function buildApp(t: Test, settings: Record<string, string>) {
  const config = loadConfig({
    BASE_URL: 'http://localhost:3000',
    SENTRY_HOST: 'sentry.example.com',
    SENTRY_CLIENT_ID: 'client',
    SENTRY_CLIENT_SECRET: 'secret',
    ENCRYPTION_KEY: 'encryption-key-of-32-characters-x',
    JWT_SIGNING_KEY: 'jwt-signing-key-of-32-characters-',
    ...settings,
  })
  const app = Fastify()
  app.register(configPlugin, { config })
  app.register(metricsPlugin)
  app.register(tracingPlugin)
  app.register(redisPlugin)
  t.teardown(() => app.close())
  return app
}

async function start(app: FastifyInstance): Promise<void> {
  await app.ready()
}
