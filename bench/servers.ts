import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type SentrySandbox, startSentry } from '../test/sandbox/sentry/server.ts'
import { registerClient } from '../test/support/client.ts'
import { findFreePort } from '../test/support/free-port.ts'
import { readImageEnvironment } from '../test/support/image-environment.ts'
import type { Lifetime } from '../test/support/lifetime.ts'
import { type RedisServer, startRedis } from '../test/support/redis.ts'
import { createListRequest } from './load.ts'
import type { ContenderName } from './results.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { createBenchSettings } from './settings.ts'

const CONTENDERS = new URL('./contenders/', import.meta.url)

/** A server of the comparison, and the token that its requests carry. */
export interface Contender {
  server: ServerProcess
  token: string | undefined
}

/** A service, and what another instance of it needs. */
export interface BenchService extends Contender {
  settings: Record<string, string>
}

/** What is around the servers: Redis, the stand-in for Sentry, and a folder for their output. */
export interface Surroundings {
  lifetime: Lifetime
  redis: RedisServer
  sentry: SentrySandbox
  folder: string
}

export async function startSurroundings(lifetime: Lifetime): Promise<Surroundings> {
  const folder = mkdtempSync(join(tmpdir(), 'sentry-mcp-bench-'))
  lifetime.teardown(() => rmSync(folder, { recursive: true, force: true }))
  // The stand-in keeps every request, and nothing here reads them.
  const sentry: SentrySandbox = await startSentry({ onResponse: () => sentry.requests.splice(0) })
  lifetime.teardown(() => sentry.close())
  return { lifetime, redis: await startRedis(lifetime), sentry, folder }
}

/** Starts an instance of this service. `changes` to its settings make it share or not share the state of another. */
export async function startInstance(
  { lifetime, redis, sentry, folder }: Surroundings,
  changes: Record<string, string> = {},
): Promise<{ server: ServerProcess; settings: Record<string, string> }> {
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  sentry.redirectUris.push(`${url}/oauth/callback`)
  const settings = { ...createBenchSettings(url, sentry, redis), ...changes }
  // As in the image, whose folder for compiled code is not on this machine.
  const image = readImageEnvironment(['NODE_OPTIONS', 'MALLOC_ARENA_MAX'])
  const env = { ...image, NODE_COMPILE_CACHE: join(folder, 'compiled'), ...settings }
  const server = await startServer({ script: 'server.ts', port, env, logFolder: folder })
  lifetime.teardown(() => server.end())
  return { server, settings }
}

/** Starts this service and signs a client in. */
export async function startService(surroundings: Surroundings): Promise<BenchService> {
  const { server, settings } = await startInstance(surroundings)
  return { server, settings, token: await signIn(server.url) }
}

/** A Fastify route that sends what this service responds to `tools/list`, and does nothing else. */
export async function startBareFastify(
  { lifetime, folder }: Surroundings,
  { server: service, token }: Contender,
): Promise<Contender> {
  const { path, method, headers, body } = createListRequest(token)
  const response = await fetch(`${service.url}${path}`, { method, headers, body })
  const file = join(folder, 'tools-list.json')
  writeFileSync(file, Buffer.from(await response.arrayBuffer()))
  const server = await startServer({
    script: 'bench/contenders/bare-fastify.ts',
    port: await findFreePort(),
    env: { BODY: file },
    logFolder: folder,
  })
  lifetime.teardown(() => server.end())
  return { server, token: undefined }
}

/** Starts all servers of the comparison but this service, which runs already. */
export async function startContenders(
  surroundings: Surroundings,
  service: Contender,
): Promise<Record<ContenderName, Contender>> {
  return {
    bare: await startBareFastify(surroundings, service),
    sdk: await startSdk(surroundings),
    fastmcp: await startFastMcp(surroundings),
    service,
  }
}

/** The MCP SDK as its documentation shows it. */
async function startSdk({ lifetime, sentry, folder }: Surroundings): Promise<Contender> {
  const { accessToken } = sentry.issueTokens()
  const server = await startServer({
    script: 'bench/contenders/sdk.ts',
    port: await findFreePort(),
    env: { SENTRY_HOST: sentry.host, SENTRY_TOKEN: accessToken },
    logFolder: folder,
  })
  lifetime.teardown(() => server.end())
  return { server, token: undefined }
}

/** FastMCP with its OAuth proxy, to which a client has signed in. */
async function startFastMcp({ lifetime, sentry, folder }: Surroundings): Promise<Contender> {
  installFastMcp()
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  sentry.redirectUris.push(`${url}/oauth/callback`)
  const server = await startServer({
    script: 'bench/contenders/fastmcp.ts',
    port,
    env: {
      BASE_URL: url,
      SENTRY_HOST: sentry.host,
      SENTRY_CLIENT_ID: sentry.clientId,
      SENTRY_CLIENT_SECRET: sentry.clientSecret,
    },
    logFolder: folder,
  })
  lifetime.teardown(() => server.end())
  return { server, token: await signIn(url) }
}

async function signIn(url: string): Promise<string> {
  return (await (await registerClient(url)).signIn()).access_token
}

/** FastMCP is large, so only those who compare with it install it, in the version of its own manifest. */
function installFastMcp(): void {
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', CONTENDERS), 'utf8'))
  const installed = new URL('node_modules/fastmcp/package.json', CONTENDERS)
  if (existsSync(installed) && JSON.parse(readFileSync(installed, 'utf8')).version === dependencies.fastmcp)
    return
  const flags = ['--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts']
  const { status } = spawnSync('npm', ['install', '--prefix', fileURLToPath(CONTENDERS), ...flags], {
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('npm could not install FastMCP; its messages are above.')
}
