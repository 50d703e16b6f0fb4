import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from './lib/config/load.ts'
import { createServerOptions } from './lib/http/server-options.ts'
import { loadMcpCore } from './lib/mcp/core/load.ts'
import { createLoggerOptions } from './lib/telemetry/logger.ts'
import audit from './plugins/audit.ts'
import cimd, { type CimdPluginOptions } from './plugins/cimd.ts'
import config, { type ConfigOptions } from './plugins/config.ts'
import crypto from './plugins/crypto.ts'
import draining from './plugins/draining.ts'
import errorReports from './plugins/error-reports.ts'
import health from './plugins/health.ts'
import home from './plugins/home.ts'
import mcpTransport, { type McpTransportOptions } from './plugins/mcp-transport.ts'
import metrics from './plugins/metrics.ts'
import oauthDiscovery from './plugins/oauth-discovery.ts'
import oauthProxy from './plugins/oauth-proxy.ts'
import outgoingProxy from './plugins/outgoing-proxy.ts'
import rateLimit from './plugins/rate-limit.ts'
import redis from './plugins/redis.ts'
import requestLog, { RequestLog } from './plugins/request-log.ts'
import security from './plugins/security.ts'
import sentry from './plugins/sentry.ts'
import tracing from './plugins/tracing.ts'

export type AppOptions = ConfigOptions & McpTransportOptions & CimdPluginOptions

/** The whole service as one plugin: what is shared first, then the endpoints, each in a scope of its own. */
async function app(fastify: FastifyInstance, options: AppOptions) {
  // It stops everything for about a second, in which a connection opened before would look dead.
  await loadMcpCore()
  await fastify.register(config, options)
  await fastify.register(draining)
  await fastify.register(requestLog)
  await fastify.register(outgoingProxy)
  await fastify.register(errorReports)
  await fastify.register(metrics)
  await fastify.register(tracing)
  await fastify.register(redis)
  await fastify.register(crypto)
  await fastify.register(audit)
  await fastify.register(sentry)
  await fastify.register(cimd, { network: options.network })
  await fastify.register(security)
  await fastify.register(rateLimit)
  await fastify.register(oauthDiscovery)
  await fastify.register(oauthProxy)
  await fastify.register(mcpTransport, { tools: options.tools })
  await fastify.register(health)
  await fastify.register(home)
}

/** Whoever made the server can use what the plugins decorate it with. */
export default fp(app, { name: 'app', fastify: '5.x' })

/** Fastify's options for these settings. */
export function createOptions(config: Config) {
  const logger = createLoggerOptions({
    level: config.LOG_LEVEL,
    reportsErrors: config.SENTRY_DSN !== undefined,
  })
  return { ...createServerOptions(config), logger, logController: new RequestLog() }
}

/** The options of `fastify start -o`. */
export const options = {
  ...createServerOptions({ BASE_URL: 'http://localhost:3000', TRUST_PROXY: [] }),
  logger: createLoggerOptions({ level: 'info', reportsErrors: false }),
  logController: new RequestLog(),
}
