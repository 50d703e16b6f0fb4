import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'

/** A program of a package in `test/programs`, where `npm run test:programs` installs them. */
export interface Program {
  /** The script, to be run by Node. */
  file: string
  /** The version that is installed. */
  version: string
}

const PROGRAMS = new URL('../programs/package.json', import.meta.url)

interface Manifest {
  version: string
  bin: Record<string, string>
}

/** Throws when the package is not installed or has no such program. */
export function findProgram(packageName: string, name: string): Program {
  // Packages need not export their manifest.
  const manifest = findPackageJSON(packageName, PROGRAMS)
  if (manifest === undefined) throw new Error(`${packageName} is not installed.`)
  const { version, bin } = JSON.parse(readFileSync(manifest, 'utf8')) as Manifest
  const script = bin[name]
  if (script === undefined) throw new Error(`${packageName} has no program ${name}.`)
  return { file: join(dirname(manifest), script), version }
}
