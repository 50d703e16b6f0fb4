import { parseArgs } from 'node:util'
import { VERSION } from '../lib/config/version.ts'
import { examine } from './doctor/examine.ts'
import { findVerdict, formatFindings } from './doctor/format-findings.ts'

// A name server that does not answer would hold up the end of the process for a minute: what the C library is
// asked cannot be called off, so it is told before the first question to give up sooner.
process.env.RES_OPTIONS ??= 'timeout:1 attempts:2'

const wantsJson = readOptions()
const findings = await examine(process.env)
const status = findVerdict(findings)
const text = wantsJson
  ? JSON.stringify({ version: VERSION, node: process.version, status, findings }, undefined, 2)
  : `sentry-mcp ${VERSION} on Node ${process.version}\n\n${formatFindings(findings, process.stdout)}`
process.stdout.write(`${text}\n`, () => process.exit(status === 'error' ? 1 : 0))

function readOptions(): boolean {
  try {
    return parseArgs({ options: { json: { type: 'boolean', default: false } } }).values.json
  } catch {
    process.stderr.write('Usage:\n  doctor [--json]\n')
    process.exit(2)
  }
}
