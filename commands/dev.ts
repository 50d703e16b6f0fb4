import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { type Config, ConfigError, loadConfig } from '../lib/config/load.ts'

// The development server: `fastify start` with the settings of the environment and of .env, readable logs, and a
// restart when code or .env changes. fastify-cli can watch too, but it keeps values that .env no longer has, and leaves
// its server behind when it is terminated.

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ENV_FILE = join(ROOT, '.env')

/** Editors write a file in several steps. */
const SETTLE_MS = 100

/** How long a restart waits for calls in flight. */
const RESTART_TIMEOUT_MS = 5_000

/** What `.env` held when it was last read. */
let envText = ''
let config: Config | undefined
let server: ChildProcess | undefined
let isEnding = false
let timer: NodeJS.Timeout | undefined
let restarting = start()

watch(ROOT, (_event, name) => {
  if (name === 'app.ts' || (name === '.env' && readEnvFile() !== envText)) scheduleRestart()
})
for (const folder of ['lib', 'plugins', 'routes']) {
  // With invalid settings, only .env can help.
  watch(join(ROOT, folder), { recursive: true }, () => config && scheduleRestart())
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(signal))

function scheduleRestart(): void {
  clearTimeout(timer)
  timer = setTimeout(() => {
    restarting = restarting.then(restart)
  }, SETTLE_MS)
}

async function restart(): Promise<void> {
  await stop('SIGINT', RESTART_TIMEOUT_MS)
  if (!isEnding) await start()
}

/** A graceful end on SIGTERM, a quick one otherwise. npm may deliver a signal twice; only the first one counts. */
async function end(signal: NodeJS.Signals): Promise<void> {
  if (isEnding) return
  isEnding = true
  clearTimeout(timer)
  const graceMs = (config?.SHUTDOWN_GRACE ?? 0) * 1_000
  await stop(signal, graceMs + RESTART_TIMEOUT_MS)
  process.exit(0)
}

async function start(): Promise<void> {
  envText = readEnvFile()
  const env = { ...parseEnv(envText), ...process.env }
  config = readConfig(env)
  if (config === undefined) return
  const args = [
    'start',
    ...['--options', '--pretty-logs'],
    ...['--port', String(config.PORT), '--address', config.HOST],
    ...['--close-grace-delay', String(config.SHUTDOWN_GRACE * 1_000)],
    'commands/dev-app.ts',
  ]
  const cli = fileURLToPath(import.meta.resolve('fastify-cli/cli.js'))
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: ROOT,
    env,
    // In a session of its own, so that Ctrl-C reaches it once, through this process.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  server = child
  child.once('exit', (code) => {
    if (server !== child) return
    server = undefined
    print(`The server exited with ${code}. It starts again when code or .env changes.`)
  })
}

function readConfig(env: Record<string, string | undefined>): Config | undefined {
  try {
    return loadConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    print(`${error.message}\n\nThe server starts when .env is corrected.`)
    return undefined
  }
}

async function stop(signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
  const child = server
  if (child === undefined) return
  server = undefined
  const exited = once(child, 'exit')
  const killing = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  child.kill(signal)
  await exited
  clearTimeout(killing)
}

function readEnvFile(): string {
  return existsSync(ENV_FILE) ? readFileSync(ENV_FILE, 'utf8') : ''
}

function print(text: string): void {
  process.stderr.write(`${text}\n`)
}
