/**
 * As much of Sentry's query language as the tools need: `key:value` with `!`, `*`, lists, comparisons and ages,
 * `has:`, quoted and free text. All terms must hold. What it does not know, `OR` and parentheses, it refuses
 * instead of reading it wrongly.
 */

/** Values are what the API shows; a Date compares as time, a list matches if one of its members does. */
export type Row = Readonly<Record<string, unknown>>

export class SearchError extends Error {
  override readonly name = 'SearchError'
}

interface Term {
  /** Undefined for free text. */
  key: string | undefined
  negated: boolean
  operator: '' | '>' | '<' | '>=' | '<='
  values: string[]
}

const TOKEN = /(!?)([A-Za-z_][\w.\-[\]]*):("(?:[^"\\]|\\.)*"|\[[^\]]*\]|\S*)|"((?:[^"\\]|\\.)*)"|(\S+)/g
const OPERATOR = /^(>=|<=|>|<)?(.*)$/s
const AGE = /^([+-])(\d+)([smhdw])$/
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?$/
const UNITS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}
const FREE_TEXT_KEYS = [
  'title',
  'message',
  'culprit',
  'error.value',
  'span.description',
  'transaction',
  'text',
]

/** Reads a query once; the function it returns says whether a row matches. Throws `SearchError`. */
export function compileQuery(query: string, now = Date.now()): (row: Row) => boolean {
  const terms = parseTerms(query)
  return (row) => terms.every((term) => matches(row, term, now) !== term.negated)
}

/** The keys that a query filters by, without `has:` and free text. */
export function listKeys(query: string): string[] {
  return parseTerms(query).flatMap(({ key }) => (key === undefined || key === 'has' ? [] : [key]))
}

/** A period such as `14d` in ms, or undefined when it is none. */
export function parsePeriod(period: string): number | undefined {
  const [, amount, unit] = /^(\d+)([smhdw])$/.exec(period) ?? []
  return amount === undefined || unit === undefined ? undefined : Number(amount) * (UNITS[unit] ?? 0)
}

function parseTerms(query: string): Term[] {
  const terms: Term[] = []
  for (const [token, bang, key, value, quoted, word] of query.matchAll(TOKEN)) {
    if (token === 'AND') continue
    if (token === 'OR' || /^[()]/.test(token))
      throw new SearchError('OR and parentheses are not supported here.')
    if (key === undefined || value === undefined) {
      terms.push({
        key: undefined,
        negated: false,
        operator: '',
        values: [removeEscapes(quoted ?? word ?? '')],
      })
      continue
    }
    if (value === '') throw new SearchError(`Empty string after '${key}:'`)
    const [, operator = '', operand = ''] = OPERATOR.exec(value) ?? []
    terms.push({
      key: /^tags\[(.+)\]$/.exec(key)?.[1] ?? key,
      negated: bang === '!',
      operator: operator as Term['operator'],
      values: readValues(operand),
    })
  }
  return terms
}

function readValues(text: string): string[] {
  if (text.startsWith('[') && text.endsWith(']'))
    return text
      .slice(1, -1)
      .split(',')
      .map((part) => unquote(part.trim()))
  return [unquote(text)]
}

function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') ? removeEscapes(text.slice(1, -1)) : text
}

function removeEscapes(text: string): string {
  return text.replaceAll(/\\(.)/g, '$1')
}

function matches(row: Row, term: Term, now: number): boolean {
  const { key, operator, values } = term
  if (key === undefined) return values.some((text) => matchesText(row, text))
  if (key === 'has') return values.some((name) => !isEmpty(row[name]))
  const found = row[key]
  const candidates = Array.isArray(found) ? found : [found]
  return candidates.some((candidate) => values.some((value) => compare(candidate, operator, value, now)))
}

function matchesText(row: Row, text: string): boolean {
  const wanted = text.toLowerCase().replaceAll('*', '')
  if (String(row.id ?? '').toLowerCase() === wanted) return true
  return FREE_TEXT_KEYS.some((key) =>
    String(row[key] ?? '')
      .toLowerCase()
      .includes(wanted),
  )
}

function compare(candidate: unknown, operator: Term['operator'], value: string, now: number): boolean {
  if (candidate instanceof Date) {
    const [, sign, amount = '', unit = ''] = AGE.exec(value) ?? []
    if (sign !== undefined) {
      const limit = now - (parsePeriod(amount + unit) ?? 0)
      return sign === '-' ? candidate.getTime() >= limit : candidate.getTime() <= limit
    }
    return compareNumbers(candidate.getTime(), operator, Date.parse(value))
  }
  if (typeof candidate === 'number') {
    const [, amount = '', unit] = DURATION.exec(value) ?? []
    if (amount === '') return false
    return compareNumbers(candidate, operator, Number(amount) * (unit === undefined ? 1 : (UNITS[unit] ?? 1)))
  }
  if (candidate === undefined || candidate === null || operator !== '') return false
  if (typeof candidate === 'boolean')
    return ['1', '0'].includes(value) ? candidate === (value === '1') : String(candidate) === value
  return makePattern(value).test(String(candidate))
}

function compareNumbers(left: number, operator: Term['operator'], right: number): boolean {
  switch (operator) {
    case '>':
      return left > right
    case '<':
      return left < right
    case '>=':
      return left >= right
    case '<=':
      return left <= right
    default:
      return left === right
  }
}

function makePattern(value: string): RegExp {
  const escaped = value.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.*')}$`, 'is')
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
}
