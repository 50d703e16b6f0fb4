import type { FastifyInstance } from 'fastify'
import type { Config } from './lib/config.ts'
import { createServerOptions, serverOptions } from './lib/server-options.ts'
import config, { type ConfigOptions } from './plugins/config.ts'
import crypto from './plugins/crypto.ts'
import health from './plugins/health.ts'
import mcpTransport from './plugins/mcp-transport.ts'
import oauthDiscovery from './plugins/oauth-discovery.ts'
import oauthProxy from './plugins/oauth-proxy.ts'
import redis from './plugins/redis.ts'
import requestLog, { RequestLog } from './plugins/request-log.ts'
import security from './plugins/security.ts'
import sentry from './plugins/sentry.ts'

/** The whole service as one plugin: what is shared first, then the endpoints, each in a scope of its own. */
export default async function app(fastify: FastifyInstance, options: ConfigOptions) {
  await fastify.register(config, options)
  await fastify.register(requestLog)
  await fastify.register(redis)
  await fastify.register(crypto)
  await fastify.register(sentry)
  await fastify.register(security)
  await fastify.register(oauthDiscovery)
  await fastify.register(oauthProxy)
  await fastify.register(mcpTransport)
  await fastify.register(health)
}

/** The server's options as far as no setting decides them, for `fastify start -o`. */
export const options = { ...serverOptions, logController: new RequestLog() }

/** The server's options, for whoever makes the server. */
export function createOptions(config: Config) {
  return { ...createServerOptions(config), logController: new RequestLog() }
}
