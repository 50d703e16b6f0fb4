import { SettingError } from './setting.ts'

/** A field name (RFC 9110 §5.1): a token (§5.6.2). */
const NAME = /^[\w!#$%&'*+.^`|~-]+$/

const OURS = 'this server sets it itself'
const MESSAGE = 'it describes the message or the connection, which this server does itself'

/** Headers that would break requests or change whose they are, and why. */
const REFUSED: readonly [names: RegExp, reason: string][] = [
  [
    /^authorization$/,
    "it carries the user's token at Sentry; an access proxy has a header of its own for programs, and Google IAP reads Proxy-Authorization",
  ],
  [
    /^cookie2?$/,
    "a cookie is the session of one person; use the access proxy's credentials for programs, such as a service token",
  ],
  [/^host$/, 'it is always SENTRY_HOST'],
  [/^(accept(-.+)?|user-agent|sentry-trace|baggage|traceparent|tracestate)$/, OURS],
  [/^(content-.+|transfer-encoding|trailer|te|expect)$/, MESSAGE],
  [/^(connection|keep-alive|upgrade|http2-settings|proxy-(connection|authenticate))$/, MESSAGE],
  [/^(if-.+|range)$/, 'it changes what Sentry responds'],
]

/**
 * Headers as Sentry's CLI reads them: `Name: value`, several separated by semicolons or line breaks. Names are in lower
 * case. Throws a `SettingError` that names every problem, and no value.
 */
export function parseCustomHeaders(text: string): Record<string, string> {
  const lines = text
    .split(/[;\r\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const headers = new Map<string, string>()
  const problems = lines.flatMap((line, index) => {
    const colon = line.indexOf(':')
    const [name, value] = [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
    const problem = findProblem(colon === -1 ? undefined : name, value, headers)
    headers.set(name.toLowerCase(), value)
    if (problem === undefined) return []
    return [problem.replace('…', `header ${index + 1} of ${lines.length}`)]
  })
  if (lines.length === 0) problems.push('there is no header in it: write Name: value.')
  if (problems.length > 0) throw new SettingError(problems)
  return Object.fromEntries(headers)
}

/** What is not a name may be a value that was pasted in the wrong place, so it is not repeated. */
function findProblem(
  name: string | undefined,
  value: string,
  others: ReadonlyMap<string, string>,
): string | undefined {
  if (name === undefined)
    return '… has no colon: write Name: value, and note that a semicolon ends a header, so a value cannot have one.'
  if (!NAME.test(name))
    return '… has a name that is empty or has other characters than letters, digits and dashes: write Name: value.'
  const [, reason] = REFUSED.find(([names]) => names.test(name.toLowerCase())) ?? []
  if (reason !== undefined) return `${name} cannot be set, because ${reason}. Remove it.`
  if (others.has(name.toLowerCase())) return `${name} is there twice: remove one of them.`
  if (value === '') return `${name} has no value: write ${name}: value, or remove it.`
  if (!/^[\x20-\x7e]+$/.test(value))
    return `the value of ${name} has a control character, or one outside ASCII, which a header cannot carry: copy it again.`
  return undefined
}
