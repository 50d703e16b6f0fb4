import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import app, { createOptions } from '../../app.ts'
import { loadConfig } from '../../lib/config/load.ts'
import type { ToolRegistry } from '../../lib/mcp/core/types.ts'
import type { Network } from '../../lib/net/network.ts'
import { type SandboxOptions, type SentrySandbox, startSentry } from '../sandbox/sentry/server.ts'
import { findFreePort } from './free-port.ts'
import type { Lifetime } from './lifetime.ts'
import { collectLines } from './log.ts'
import { findRedis } from './redis.ts'
import { createSettings } from './settings.ts'

/** The whole service in this process, on a port of its own, in front of a Sentry. */
export interface Service {
  url: string
  sentry: SentrySandbox
  app: FastifyInstance
  /** What was logged so far. */
  log: string[]
}

export interface ServiceOptions {
  settings?: Record<string, string>
  sentry?: SandboxOptions
  /** The path of BASE_URL, such as `/sentry`. */
  basePath?: string
  /** Other tools than Sentry's. */
  tools?: ToolRegistry
  /** How CIMD documents are fetched; without it the service accepts no CIMD clients. */
  network?: Network
  /** A Sentry that several instances share. */
  sharedSentry?: SentrySandbox
}

/** Settings for the embedded store, in a folder that is removed with `t`. */
export function useEmbeddedStore(t: Lifetime): Record<string, string> {
  const directory = mkdtempSync(join(tmpdir(), 'sentry-mcp-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return { STORE: 'embedded', DATA_DIR: directory }
}

/** Settings for a store in a real Redis. */
export async function useRedisStore(t: Test): Promise<Record<string, string>> {
  return { STORE: 'redis', REDIS_URL: await findRedis(t) }
}

/** Starts the service in this process, listening on loopback; it ends with `t`. */
export async function startService(t: Lifetime, options: ServiceOptions = {}): Promise<Service> {
  const port = await findFreePort()
  const url = `http://localhost:${port}${options.basePath ?? ''}`
  const sentry = options.sharedSentry ?? (await startSentry(options.sentry))
  if (options.sharedSentry === undefined) t.teardown(() => sentry.close())
  sentry.redirectUris.push(`${url}/oauth/callback`)

  const config = loadConfig({
    ...createSettings(url, sentry),
    LOG_LEVEL: 'debug',
    CLIENT_ID_METADATA_DOCUMENTS: String(options.network !== undefined),
    ...(options.settings ?? useEmbeddedStore(t)),
  })
  const log: string[] = []
  const serverOptions = createOptions(config)
  const fastify = Fastify({
    ...serverOptions,
    forceCloseConnections: true,
    logger: { ...serverOptions.logger, stream: collectLines(log) },
  })
  await fastify.register(app, { config, tools: options.tools, network: options.network })
  await fastify.listen({ port, host: 'localhost' })
  t.teardown(() => fastify.close())
  return { url, sentry, app: fastify, log }
}
