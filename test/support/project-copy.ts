import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PARTS = ['package.json', 'app.ts', 'server.ts', 'commands', 'lib', 'plugins', 'routes']

/** A copy of the product in a folder of its own, where a test can write `.env` and run npm scripts. */
export interface ProjectCopy {
  folder: string
  /** Writes `.env`; settings that are undefined are left out. */
  writeEnv(settings: Record<string, string | undefined>): void
  /** Starts a program with these variables, and PATH. */
  run(command: string, args: string[], env?: Record<string, string>, cwd?: string): Running
}

export interface Running {
  child: ChildProcess
  /** What it wrote so far to stdout and stderr. */
  readonly output: string
  /** The exit code. */
  exited: Promise<number | null>
  /** Resolves when the output contains this text. */
  waitFor(text: string): Promise<void>
}

export function copyProject(t: Test): ProjectCopy {
  const folder = mkdtempSync(join(tmpdir(), 'sentry-mcp-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const part of PARTS) cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return {
    folder,
    writeEnv(settings) {
      const lines = Object.entries(settings).flatMap(([name, value]) =>
        value === undefined ? [] : [`${name}=${value}\n`],
      )
      writeFileSync(join(folder, '.env'), lines.join(''))
    },
    run: (command, args, env = {}, cwd = folder) => run(t, command, args, env, cwd),
  }
}

/** Settings that are complete, with the embedded store in the folder of the project. */
export function createSettings(port: number, basePath = ''): Record<string, string> {
  return {
    BASE_URL: `http://localhost:${port}${basePath}`,
    PORT: String(port),
    HOST: '127.0.0.1',
    SENTRY_HOST: 'sentry.invalid',
    SENTRY_CLIENT_ID: 'id',
    SENTRY_CLIENT_SECRET: 'secret',
    ENCRYPTION_KEY: 'e'.repeat(32),
    JWT_SIGNING_KEY: 'j'.repeat(32),
    STORE: 'embedded',
    SHUTDOWN_GRACE: '5',
    CLIENT_ID_METADATA_DOCUMENTS: 'false',
  }
}

/** Waits for a response; undefined when the program exits first. */
export async function waitForResponse(url: string, running: Running): Promise<Response | undefined> {
  let hasExited = false
  running.exited.then(() => {
    hasExited = true
  })
  for (;;) {
    const response = await fetch(url).catch(() => undefined)
    if (response !== undefined || hasExited) return response
    await sleep(50)
  }
}

function run(t: Test, command: string, args: string[], env: Record<string, string>, cwd: string): Running {
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, npm_config_update_notifier: 'false', ...env },
    // A group of its own, so that the teardown reaches what npm has started.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // The group has ended.
    }
  }
  process.once('exit', kill)
  t.teardown(async () => {
    kill()
    process.off('exit', kill)
    await exited
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
  return {
    child,
    exited,
    get output() {
      return output
    },
    async waitFor(text) {
      while (!output.includes(text)) await sleep(20)
    },
  }
}
