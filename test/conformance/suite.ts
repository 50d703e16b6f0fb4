import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findProgram } from '../support/program.ts'

/** A check of a scenario. */
export interface Check {
  id: string
  /** A warning is about a SHOULD, a failure about a MUST. */
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  errorMessage?: string
}

/** The checks of each scenario, by its name. */
export type Results = ReadonlyMap<string, readonly Check[]>

/** A client of the authorization server under test. */
export interface SuiteClient {
  clientId: string
  resource: string
  /** Its redirect URI is `/callback` there, on 127.0.0.1. */
  port: number
  /** Goes through the sign-in that begins at this address, to the end. */
  signIn(authorizeUrl: string): Promise<void>
}

const conformance = findProgram('@modelcontextprotocol/conformance', 'conformance')

export const SUITE_VERSION = conformance.version

/** Runs every server scenario of a revision against an endpoint without sign-in. */
export function runServerSuite(url: string, revision: string, signal: AbortSignal): Promise<Results> {
  const args = ['server', '--url', url, '--suite', 'all', '--spec-version', revision]
  return runSuite(args, signal, () => undefined)
}

/** Runs the scenarios for authorization servers. */
export async function runAuthorizationSuite(
  issuer: string,
  revision: string,
  client: SuiteClient,
  signal: AbortSignal,
): Promise<Results> {
  const { clientId, resource, port } = client
  const identity = ['--client-id', clientId, '--resource', resource, '--port', `${port}`]
  const args = ['authorization', '--url', issuer, ...identity, '--spec-version', revision]
  const failed = new AbortController()
  return runSuite(args, AbortSignal.any([signal, failed.signal]), (line) => {
    // The suite prints the address on a line of its own, and waits until it is opened.
    if (!line.startsWith(`${issuer}/oauth/authorize?`)) return
    client.signIn(line).catch((error: unknown) => failed.abort(error))
  })
}

async function runSuite(
  args: readonly string[],
  signal: AbortSignal,
  readLine: (line: string) => void,
): Promise<Results> {
  const folder = await mkdtemp(join(tmpdir(), 'sentry-mcp-conformance-'))
  try {
    const child = spawn(process.execPath, [conformance.file, ...args, '--output-dir', folder], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {},
      signal,
    })
    createInterface({ input: child.stdout }).on('line', readLine)
    // Its exit code counts every scenario, applicable or not; so the results are read from its files.
    await once(child, 'close')
    return await readResults(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Each scenario has a folder, named `server-<scenario>-<time>`. */
async function readResults(folder: string): Promise<Results> {
  const results = new Map<string, Check[]>()
  for (const name of await readdir(folder)) {
    const [, scenario] = /^(?:authorization-)?server-(.+)-\d{4}-\d\d-\d\dT[^T]*$/.exec(name) ?? []
    if (scenario === undefined) throw new Error(`The suite wrote a folder that is unknown here: ${name}`)
    results.set(scenario, JSON.parse(await readFile(join(folder, name, 'checks.json'), 'utf8')))
  }
  return results
}
