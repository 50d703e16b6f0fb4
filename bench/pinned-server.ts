import { spawnSync } from 'node:child_process'
import { type RunningProcess, startProcess, waitForResponse } from '../test/support/running-process.ts'

const SERVER_CORE = '0'

/** Whether processes can be bound to a core on this machine. */
export function canPin(): boolean {
  return spawnSync('taskset', ['-c', SERVER_CORE, 'true']).status === 0
}

/** Starts a script of this repository on the core reserved for servers, and resolves when it responds. */
export async function startPinnedServer(
  script: string,
  port: number,
  env: Record<string, string>,
): Promise<RunningProcess> {
  const command = [process.execPath, script]
  const running = startProcess(canPin() ? ['taskset', '-c', SERVER_CORE, ...command] : command, { env })
  await waitForResponse(`http://localhost:${port}/health`, running, { accepts: () => true })
  return running
}
