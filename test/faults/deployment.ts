import { type SentrySandbox, startSentry } from '../sandbox/sentry/server.ts'
import { findFreePort } from '../support/free-port.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { type Nginx, startNginx } from '../support/nginx.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'
import { createSettings, type SentryAddress } from '../support/settings.ts'
import { type Relay, startRelay } from './relay.ts'

/** Two instances on one Redis behind nginx, with TLS and deploy/nginx.conf. */
export interface Deployment {
  /** `https://localhost:port`, of nginx. */
  url: string
  nginx: Nginx
  instances: [ServiceProcess, ServiceProcess]
  redis: RedisServer
  /** Between the instances and Redis. */
  relay: Relay
  sentry: SentrySandbox
}

/** A server that keeps what it has acknowledged, as docs/storage.md asks for. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction']

export interface DeploymentOptions {
  settings?: Record<string, string>
  /** Further arguments of Redis. */
  redis?: string[]
}

/** Starts everything and waits until it is ready; it ends with `t`. */
export async function startDeployment(t: Lifetime, options: DeploymentOptions = {}): Promise<Deployment> {
  const port = await findFreePort()
  const url = `https://localhost:${port}`
  const redis = await startRedis(t, ...DURABLE, ...(options.redis ?? []))
  const relay = await startRelay(t, Number(new URL(redis.url).port))
  const sentry = await startSentry({ redirectUris: [`${url}/oauth/callback`] })
  t.teardown(() => sentry.close())
  const settings = {
    ...createFaultSettings(url, sentry),
    STORE: 'redis',
    REDIS_URL: `redis://127.0.0.1:${relay.port}`,
    ...options.settings,
  }
  const instances = await Promise.all([
    startServiceProcess(t, () => settings),
    startServiceProcess(t, () => settings),
  ])
  const nginx = await startNginx(t, { instances: instances.map((instance) => instance.port), port })
  return { url, nginx, instances, redis, relay, sentry }
}

/** The settings of an instance under fault injection, without rate limits: their refusals would count as failures. */
export function createFaultSettings(url: string, sentry: SentryAddress): Record<string, string> {
  return {
    ...createSettings(url, sentry),
    TRUST_PROXY: '127.0.0.1',
    DIRECT_SEARCH: 'true',
    RATE_LIMIT_MCP: '0',
    RATE_LIMIT_OAUTH: '0',
    SHUTDOWN_GRACE: '15',
  }
}
