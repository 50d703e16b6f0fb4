import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The path of the first of these programs that the machine has. */
export function findInstalled(...names: string[]): string | undefined {
  // Debian keeps servers where the PATH of an ordinary user does not lead.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/** Installs the Debian package of the same name and returns the program's path; only as root on Debian. */
export async function installOnDebian(name: string): Promise<string | undefined> {
  if (!existsSync('/etc/debian_version') || process.getuid?.() !== 0) return undefined
  const install = `DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${name}`
  const script = `command -v ${name} || { apt-get update && ${install}; }`
  // Test files run side by side, and apt-get does not.
  await run('flock', [join(tmpdir(), 'sentry-mcp-apt.lock'), 'sh', '-c', script])
  return findInstalled(name)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
