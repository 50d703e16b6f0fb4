import { randomBytes } from 'node:crypto'
import { type SentrySandbox, startSentry } from '../sandbox/sentry/server.ts'
import { findFreePort } from '../support/free-port.ts'
import { type Nginx, startNginx } from '../support/nginx.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import type { Lifetime } from '../support/service.ts'
import { createInstance, type Instance } from './instance.ts'
import { type Relay, startRelay } from './relay.ts'

/** Two instances on one Redis, in front of them nginx with TLS and the configuration that is shipped. */
export interface Cluster {
  /** `https://localhost:port`, at nginx. */
  url: string
  nginx: Nginx
  instances: [Instance, Instance]
  redis: RedisServer
  /** Between the instances and Redis. */
  relay: Relay
  sentry: SentrySandbox
  /** What every instance is started with. */
  settings: Record<string, string>
}

/** A server that keeps what it was told, as docs/storage.md asks for. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction']

export interface ClusterOptions {
  settings?: Record<string, string>
  /** Arguments of Redis beyond those that make it keep what it was told. */
  redis?: string[]
}

/** Everything is started and ready, and ends with `t`. */
export async function startCluster(t: Lifetime, options: ClusterOptions = {}): Promise<Cluster> {
  const port = await findFreePort()
  const url = `https://localhost:${port}`
  const redis = await startRedis(t, ...DURABLE, ...(options.redis ?? []))
  const relay = await startRelay(t, Number(new URL(redis.url).port))
  const sentry = await startSentry({ redirectUris: [`${url}/oauth/callback`] })
  t.teardown(() => sentry.close())
  const settings = {
    ...createSettings(url, sentry),
    STORE: 'redis',
    REDIS_URL: `redis://127.0.0.1:${relay.port}`,
    ...options.settings,
  }
  const instances: [Instance, Instance] = [
    await createInstance(t, settings),
    await createInstance(t, settings),
  ]
  await Promise.all(instances.map((instance) => instance.start()))
  const nginx = await startNginx(t, { instances: instances.map((instance) => instance.port), port })
  return { url, nginx, instances, redis, relay, sentry, settings }
}

/** Settings of an instance in front of a Sentry, without limits of rate, which are no fault. */
export function createSettings(
  url: string,
  { host, clientId, clientSecret }: Pick<SentrySandbox, 'host' | 'clientId' | 'clientSecret'>,
): Record<string, string> {
  return {
    BASE_URL: url,
    SENTRY_HOST: host,
    SENTRY_PROTOCOL: 'http',
    SENTRY_CLIENT_ID: clientId,
    SENTRY_CLIENT_SECRET: clientSecret,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    JWT_SIGNING_KEY: randomBytes(32).toString('base64'),
    TRUST_PROXY: '127.0.0.1',
    DIRECT_SEARCH: 'true',
    CLIENT_ID_METADATA_DOCUMENTS: 'false',
    RATE_LIMIT_MCP: '0',
    RATE_LIMIT_OAUTH: '0',
    SHUTDOWN_GRACE: '15',
  }
}
