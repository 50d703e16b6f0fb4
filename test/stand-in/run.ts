/**
 * `npm run test:stand-in -- openapi.json`: Sentry's own stdio server calls every tool at the stand-in for Sentry, and
 * every response of the stand-in is compared with the schema that the OpenAPI document has for it. Ends with 1 where a
 * call fails or a response does not fit.
 */
import { readFile } from 'node:fs/promises'
import { readResponseSchemas } from './response-schemas.ts'
import { walkTools } from './walk-tools.ts'

interface Exception {
  route: string
  /** The mismatches that it is about. */
  path: RegExp
  reason: string
}

/** Where the published schema is not what Sentry responds. */
const EXCEPTIONS: readonly Exception[] = [
  {
    route: 'GET /api/0/organizations/:organization/monitors/',
    path: /^\/\d+\/environments$/,
    reason: 'a monitor has a list of environments; the schema is that of one',
  },
  {
    route: 'GET /api/0/organizations/:organization/replay-count/',
    path: /^/,
    reason: 'with returnIds=true, ids take the place of numbers',
  },
]

const [file] = process.argv.slice(2)
if (file === undefined) {
  process.stdout.write('Usage: npm run test:stand-in -- <openapi.json>\n')
  process.exit(1)
}
const schemas = readResponseSchemas(JSON.parse(await readFile(file, 'utf8')))
const { calls, responses } = await walkTools()

const failures = calls.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`]))
const fitting = new Set<string>()
const uncovered = new Set<string>()
const excepted = new Set<string>()
for (const { method, route, status, text } of responses) {
  const body: unknown = text === undefined || text === '' ? undefined : JSON.parse(text)
  const mismatches = schemas.compare(method, route, status, body)
  const name = `${method} ${route}`
  if (mismatches === undefined) uncovered.add(`${name} ${status}`)
  else fitting.add(`${name} ${status}`)
  for (const { path, problem } of mismatches ?? []) {
    const exception = EXCEPTIONS.find((candidate) => candidate.route === name && candidate.path.test(path))
    if (exception === undefined) failures.push(`${name} ${status} ${path}: ${problem}`)
    else excepted.add(`${name}: ${exception.reason}`)
  }
}

writeList('Responses that no schema covers', uncovered)
writeList('Schemas of responses that no request got', schemas.listMissing(fitting))
writeList('Exceptions', excepted)
writeList('Failures', failures)
const summary = `${calls.length} calls and ${responses.length} responses; ${fitting.size} kinds of responses have a schema`
process.stdout.write(`${summary}, ${failures.length} failures.\n`)
process.exit(failures.length === 0 ? 0 : 1)

function writeList(title: string, lines: Iterable<string>): void {
  const sorted = [...lines].sort()
  if (sorted.length > 0) process.stdout.write(`${title}:\n${sorted.map((line) => `  ${line}\n`).join('')}\n`)
}
