import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { RedisSettings } from '../../lib/store/redis/options.ts'
import { findFreePort } from './free-port.ts'
import { findInstalled, installOnDebian } from './installed-program.ts'
import type { Lifetime } from './lifetime.ts'

/** A Redis or Valkey that a test runs for itself and can make fail. */
export interface RedisServer {
  url: string
  /** Makes it keep its connections and send no reply. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Ends it at once, as in a crash. */
  kill(): Promise<void>
  /** Starts it again on the same port, with no more data than it has saved. */
  restart(): Promise<void>
}

const run = promisify(execFile)
const BINARIES = ['valkey-server', 'redis-server']
const IMAGE = 'valkey/valkey:8-alpine'
const START_TIMEOUT_MS = 10_000

/**
 * The URL of a real Redis for a test: TEST_REDIS_URL, or a server started for it. Other tests
 * may use the same server at the same time.
 */
export async function findRedis(t: Lifetime): Promise<string> {
  return process.env.TEST_REDIS_URL ?? (await startRedis(t)).url
}

/**
 * Starts a server on a free loopback port for one test alone. It saves nothing unless `args` say so, and ends with
 * the test. Takes valkey-server or redis-server from the PATH, else a container, else installs redis-server on
 * Debian as root.
 */
export async function startRedis(t: Lifetime, ...args: string[]): Promise<RedisServer> {
  return startServer(t, args, await chooseStarter())
}

/** Starts a sentinel in the same way, with these lines in its configuration. Needs an installed server. */
export async function startSentinel(t: Lifetime, ...lines: string[]): Promise<RedisServer> {
  await chooseStarter()
  const binary = findInstalled(...BINARIES)
  if (binary === undefined) throw new Error('A sentinel needs an installed valkey-server or redis-server.')
  return startServer(t, lines, startProcess(binary, prepareSentinel))
}

async function startServer(t: Lifetime, args: string[], start: Starter): Promise<RedisServer> {
  const port = await findFreePort()
  const server = await start(port, args)
  t.teardown(() => server.remove())
  await waitForReply(port)
  return {
    ...server,
    url: `redis://127.0.0.1:${port}`,
    async restart() {
      await server.restart()
      await waitForReply(port)
    },
  }
}

/** The settings of a connection to Redis, with defaults. */
export function createRedisSettings(url: string, changes: Partial<RedisSettings> = {}): RedisSettings {
  return {
    REDIS_URL: url,
    REDIS_TLS: undefined,
    REDIS_TLS_REJECT_UNAUTHORIZED: true,
    REDIS_CA: undefined,
    REDIS_CLIENT_CERT: undefined,
    REDIS_CLIENT_KEY: undefined,
    REDIS_SENTINEL_USERNAME: undefined,
    REDIS_SENTINEL_PASSWORD: undefined,
    ...changes,
  }
}

type Server = Omit<RedisServer, 'url'> & { remove(): Promise<void> }
type Starter = (port: number, args: string[]) => Promise<Server>

async function chooseStarter(): Promise<Starter> {
  const installed = findInstalled(...BINARIES)
  if (installed !== undefined) return startProcess(installed)
  if (await succeeds('docker', 'info')) return startContainer
  const binary = await installOnDebian('redis-server')
  if (binary !== undefined) return startProcess(binary)
  throw new Error(
    `The tests need a real Redis or Valkey: install valkey-server or redis-server (7.0 or newer), start Docker, or set TEST_REDIS_URL.`,
  )
}

async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  return run(command, args, { timeout: 10_000 }).then(
    () => true,
    () => false,
  )
}

const NO_PERSISTENCE = ['--save', '', '--appendonly', 'no']

function prepareServer(directory: string, port: number, args: string[]): string[] {
  return ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, ...NO_PERSISTENCE, ...args]
}

/** A sentinel writes what it learns into its configuration file. */
function prepareSentinel(directory: string, port: number, lines: string[]): string[] {
  const file = join(directory, 'sentinel.conf')
  writeFileSync(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${directory}`, ...lines, ''].join('\n'))
  return [file, '--sentinel']
}

function startProcess(binary: string, prepare = prepareServer): Starter {
  return async (port, args) => {
    const directory = mkdtempSync(join(tmpdir(), 'sentry-mcp-redis-'))
    const prepared = prepare(directory, port, args)
    const launch = () => leash(spawn(binary, prepared, { stdio: 'ignore' }), directory)
    let child = launch()

    async function kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }

    return {
      kill,
      async freeze() {
        child.kill('SIGSTOP')
      },
      async thaw() {
        child.kill('SIGCONT')
      },
      async restart() {
        await kill()
        child = launch()
      },
      async remove() {
        await kill()
        rmSync(directory, { recursive: true })
      },
    }
  }
}

/** Kills a server when this process ends, however that ends: a shell waits until this end of its pipe closes. */
function leash(server: ChildProcess, directory: string): ChildProcess {
  const script = 'read _; kill -KILL "$1"; rm -rf "$2"'
  const shell = spawn('sh', ['-c', script, 'sh', `${server.pid}`, directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  server.once('exit', () => shell.kill('SIGKILL'))
  return server
}

const startContainer: Starter = async (port, args) => {
  const publish = `127.0.0.1:${port}:6379`
  const command = ['valkey-server', '--protected-mode', 'no', ...NO_PERSISTENCE, ...args]
  const { stdout } = await run('docker', ['run', '--detach', '--publish', publish, IMAGE, ...command])
  const container = stdout.trim()
  const docker = async (action: string, ...rest: string[]) => {
    await run('docker', [action, ...rest, container])
  }
  return {
    freeze: () => docker('pause'),
    thaw: () => docker('unpause'),
    kill: () => docker('kill'),
    restart: () => docker('restart', '--time', '0'),
    remove: () => docker('rm', '--force'),
  }
}

/** Any reply will do; a server that wants a password replies too. */
async function waitForReply(port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await replies(port))) {
    if (Date.now() > deadline) throw new Error(`The test's Redis does not reply on port ${port}.`)
    await sleep(10)
  }
}

async function replies(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    await once(socket, 'data', { signal: AbortSignal.timeout(1_000) })
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
