/**
 * Lays out what a release publishes beside its image: `node deploy/release/stage.ts <folder>`, with `IMAGE` and
 * `SERVER_NAME` as `names.ts` prints them. A checkout's chart and manifests run the image that is built from it; those
 * of a release run the one that the release pushed.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The image of a checkout, and of Compose. */
export const LOCAL_IMAGE = 'sentry-mcp-self-hosted'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Writes the chart, the plain manifests and server.json of a release into `folder`. Throws an `Error` where a file no
 * longer has the line that names the image.
 */
export function stageRelease(
  folder: string,
  { image, serverName }: { image: string; serverName: string },
): void {
  mkdirSync(folder, { recursive: true })
  cpSync(join(ROOT, 'deploy/helm/sentry-mcp'), join(folder, 'sentry-mcp'), { recursive: true })
  cpSync(join(ROOT, 'deploy/kubernetes'), join(folder, 'kubernetes'), { recursive: true })
  replaceLine(
    join(folder, 'sentry-mcp/values.yaml'),
    `  repository: ${LOCAL_IMAGE}`,
    `  repository: ${image}`,
  )
  replaceLine(
    join(folder, 'kubernetes/kustomization.yaml'),
    `  - name: ${LOCAL_IMAGE}`,
    `  - name: ${LOCAL_IMAGE}\n    newName: ${image}`,
  )
  const server = JSON.parse(readFileSync(join(ROOT, 'server.json'), 'utf8'))
  const [main] = server.packages
  const staged = {
    ...server,
    name: serverName,
    packages: [{ ...main, identifier: `${image}:${server.version}` }],
  }
  writeFileSync(join(folder, 'server.json'), `${JSON.stringify(staged, undefined, 2)}\n`)
}

function replaceLine(file: string, line: string, replacement: string): void {
  const lines = readFileSync(file, 'utf8').split('\n')
  if (lines.filter((one) => one === line).length !== 1)
    throw new Error(`${file} should have one line "${line}".`)
  writeFileSync(file, lines.map((one) => (one === line ? replacement : one)).join('\n'))
}

if (import.meta.main) {
  const { IMAGE: image, SERVER_NAME: serverName } = process.env
  const [folder] = process.argv.slice(2)
  if (!folder || !image || !serverName) {
    process.stderr.write('Usage:\n  IMAGE=… SERVER_NAME=… stage.ts <folder>\n')
    process.exit(2)
  }
  stageRelease(folder, { image, serverName })
}
