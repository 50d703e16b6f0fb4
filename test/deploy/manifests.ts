import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'

/** An object of the Kubernetes API, as far as every one is alike. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; labels?: Record<string, string> }
  [field: string]: unknown
}

const run = promisify(execFile)
const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))
const KUBERNETES = new URL('../../deploy/kubernetes/', import.meta.url)
const OPTIONS = '--ignoreConfig --noEmit --strict --skipLibCheck --module nodenext --target es2024'.split(' ')

/** The manifests of deploy/kubernetes by their file names. */
export function readKubernetesFolder(): Map<string, Manifest> {
  const files = readdirSync(KUBERNETES).filter((name) => name !== 'kustomization.yaml')
  return new Map(
    files.flatMap((name) =>
      readManifests(readFileSync(new URL(name, KUBERNETES), 'utf8')).map((manifest) => [name, manifest]),
    ),
  )
}

/** Everything in a stream of YAML documents. */
export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { merge: true }).map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS()
  })
}

/**
 * What is wrong with manifests by the types of the Kubernetes API: unknown and missing fields, and values of the
 * wrong type. Empty when nothing is.
 */
export async function findTypeErrors(manifests: readonly Manifest[]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'sentry-mcp-manifests-'))
  try {
    symlinkSync(NODE_MODULES, join(directory, 'node_modules'))
    const file = join(directory, 'manifests.ts')
    writeFileSync(file, manifests.map(writeDeclaration).join('\n'))
    await run(process.execPath, [join(NODE_MODULES, 'typescript/bin/tsc'), ...OPTIONS, file])
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** One constant of the API's type: `apps/v1` is the module kubernetes-types/apps/v1, `v1` is core/v1. */
function writeDeclaration(manifest: Manifest, index: number): string {
  const [version = '', group = 'core'] = manifest.apiVersion.split('/').reverse()
  const type = `import('kubernetes-types/${group.split('.')[0]}/${version}').${manifest.kind}`
  return `export const manifest${index}: ${type} = ${JSON.stringify(manifest, undefined, 2)}`
}
