import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const SERVER_CORE = '0'
const START_PATIENCE = 20_000

/** A server in a process of its own, on the core that is left to servers. */
export interface ServerProcess {
  end(): Promise<void>
}

/** Whether processes can be bound to a core here. */
export function canPin(): boolean {
  return spawnSync('taskset', ['-c', SERVER_CORE, 'true']).status === 0
}

/** Starts a script of this repository and waits until it listens. */
export async function startServer(
  script: string,
  port: number,
  env: Record<string, string>,
): Promise<ServerProcess> {
  const command = [process.execPath, script]
  const [program = '', ...args] = canPin() ? ['taskset', '-c', SERVER_CORE, ...command] : command
  const child = spawn(program, args, { env: { PATH: process.env.PATH, ...env }, stdio: 'inherit' })
  const exited = once(child, 'exit')
  const deadline = Date.now() + START_PATIENCE
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${script} does not listen.`)
    await sleep(50)
  }
  return {
    async end() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    await fetch(`http://localhost:${port}/health`)
    return true
  } catch {
    return false
  }
}
