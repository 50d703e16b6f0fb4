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
import mcpTransport from './plugins/mcp-transport.ts'
import metrics from './plugins/metrics.ts'
import oauthDiscovery from './plugins/oauth-discovery.ts'
import oauthProxy from './plugins/oauth-proxy.ts'
import outgoingProxy from './plugins/outgoing-proxy.ts'
import pages from './plugins/pages.ts'
import rateLimit from './plugins/rate-limit.ts'
import redis from './plugins/redis.ts'
import requestLog, { RequestLog } from './plugins/request-log.ts'
import security from './plugins/security.ts'
import sentry from './plugins/sentry.ts'
import tools, { type ToolsOptions } from './plugins/tools.ts'
import tracing from './plugins/tracing.ts'

export type AppOptions = ConfigOptions & ToolsOptions & CimdPluginOptions

/** The service as one plugin: first the shared plugins, then the endpoints, each encapsulated. */
async function app(fastify: FastifyInstance, options: AppOptions) {
  // Loading blocks the event loop for about a second: connections that were opened before would time out.
  await loadMcpCore()
  await fastify.register(config, options)
  await fastify.register(pages)
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
  await fastify.register(tools, { tools: options.tools })
  await fastify.register(oauthDiscovery)
  await fastify.register(oauthProxy)
  await fastify.register(mcpTransport)
  await fastify.register(health)
  await fastify.register(home)
}

/** Not encapsulated, so that the server has the decorators of the plugins. */
export default fp(app, { name: 'app', fastify: '5.x' })

/** Fastify's options from the settings. */
export function createOptions(config: Config) {
  const logger = createLoggerOptions({
    level: config.LOG_LEVEL,
    reportsErrors: config.SENTRY_DSN !== undefined,
  })
  return { ...createServerOptions(config), logger, logController: new RequestLog() }
}

/** How long a terminating instance reports that it is not ready before it stops listening, in ms. */
export function findDrainNotice({ SHUTDOWN_GRACE }: Config): number {
  return SHUTDOWN_GRACE * 200
}
