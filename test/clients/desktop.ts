import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Lifetime } from '../support/lifetime.ts'

/** A user's machine: an empty home, and a browser that signs the user in. */
export interface Desktop {
  home: string
  /** The environment of the programs on it. */
  env: Record<string, string>
  /** The addresses that its browser was sent to, oldest first. */
  listOpened(): URL[]
  /** Runs a program to its end and returns its output. Rejects when it fails or takes too long. */
  run(command: string, ...args: string[]): Promise<string>
  /** The same at a terminal. Each of `replies` is a text to wait for and the keys that are then typed. */
  runAtTerminal(replies: readonly Reply[], command: string, ...args: string[]): Promise<string>
  /** The same with a script for Node. */
  runScript(file: string, ...args: string[]): Promise<string>
}

export type Reply = readonly [text: string, keys: string]

/** What a client received from the server. */
export interface ClientWork {
  /** The names of the tools it lists. */
  tools: readonly string[]
  /** The result of `whoami`; absent for a client that only calls tools for its vendor's model. */
  result?: unknown
}

const BROWSER = join(import.meta.dirname, 'open-browser.ts')

const TERMINAL = join(import.meta.dirname, 'terminal.py')

/** For one command or call of a client. */
export const CLIENT_TIMEOUT_MS = 30_000

/** Put in front of a command: tap makes every Node process report to it, which would change the client. */
export const WITHOUT_TAP = ['env', '-u', 'NODE_OPTIONS'] as const

const runFile = promisify(execFile)

/** Creates a machine that is removed with `t`. */
export function createDesktop(t: Lifetime): Desktop {
  const folder = mkdtempSync(join(tmpdir(), 'sentry-mcp-desktop-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  const [home, programs, opened] = [join(folder, 'home'), join(folder, 'bin'), join(folder, 'opened')]
  for (const directory of [home, programs]) mkdirSync(directory)

  const browser = join(programs, 'xdg-open')
  const script = ['#!/bin/sh', `echo "$1" >> '${opened}'`, `exec '${process.execPath}' '${BROWSER}' "$1"`]
  writeFileSync(browser, `${script.join('\n')}\n`, { mode: 0o755 })
  const env = {
    PATH: [programs, dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: home,
    TERM: 'xterm-256color',
    BROWSER: browser,
    // Without a session bus clients keep secrets in files, not in the keyring of the developer.
    DBUS_SESSION_BUS_ADDRESS: 'disabled:',
  }

  async function run(command: string, ...args: string[]): Promise<string> {
    const options = {
      cwd: home,
      env,
      timeout: CLIENT_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 2 ** 24,
    } as const
    const [launcher, ...rest] = WITHOUT_TAP
    const running = runFile(launcher, [...rest, command, ...args], options)
    running.child.stdin?.end()
    return (await running).stdout
  }

  return {
    home,
    env,
    listOpened() {
      if (!existsSync(opened)) return []
      const lines = readFileSync(opened, 'utf8').trim().split('\n')
      return lines.map((line) => new URL(line))
    },
    run,
    runAtTerminal: (replies, command, ...args) =>
      run('python3', TERMINAL, JSON.stringify(replies), command, ...args),
    runScript: (file, ...args) => run(process.execPath, file, ...args),
  }
}
