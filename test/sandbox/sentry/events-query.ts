import { compileQuery, type Row, SearchError } from './search.ts'

/** What `/events/` is asked for, in any dataset. */
export interface EventsQuery {
  query: string
  /** Columns and aggregates, `count()`, `p95(span.duration)`. */
  fields: string[]
  /** A field, with `-` before it for descending; Sentry's shorter spelling `-count` is one too. */
  sort: string | undefined
}

type Aggregate = (rows: readonly Row[], args: string[]) => unknown

const AGGREGATES: Record<string, Aggregate> = {
  count: (rows, args) => selectMetric(rows, args).length,
  count_unique: (rows, [field = '']) => new Set(rows.map((row) => String(row[field] ?? ''))).size,
  last_seen: (rows) => rows.map(readTime).toSorted(byTime).at(-1),
  first_seen: (rows) => rows.map(readTime).toSorted(byTime).at(0),
  epm: (rows) => rows.length,
  sum: (rows, args) => readNumbers(rows, args).reduce((total, value) => total + value, 0),
  avg: (rows, args) => average(readNumbers(rows, args)),
  min: (rows, args) => readNumbers(rows, args).at(0) ?? null,
  max: (rows, args) => readNumbers(rows, args).at(-1) ?? null,
  p50: (rows, args) => readPercentile(rows, args, 0.5),
  p75: (rows, args) => readPercentile(rows, args, 0.75),
  p90: (rows, args) => readPercentile(rows, args, 0.9),
  p95: (rows, args) => readPercentile(rows, args, 0.95),
  p99: (rows, args) => readPercentile(rows, args, 0.99),
}

/** Filters, groups, aggregates and sorts. Throws `SearchError` for a query that Sentry would refuse. */
export function runEventsQuery(rows: readonly Row[], { query, fields, sort }: EventsQuery): Row[] {
  const found = rows.filter(compileQuery(query))
  const aggregates = fields.filter(isAggregate)
  const columns = fields.filter((field) => !isAggregate(field))
  const result = aggregates.length === 0 ? found.map((row) => project(row, fields)) : []
  if (aggregates.length > 0) {
    const groups = Map.groupBy(found, (row) => JSON.stringify(columns.map((column) => row[column] ?? null)))
    if (columns.length === 0 && groups.size === 0) groups.set('[]', [])
    for (const members of groups.values()) {
      const values = aggregates.map((field) => [field, computeAggregate(field, members)])
      result.push({ ...project(members[0] ?? {}, columns), ...Object.fromEntries(values) })
    }
  }
  return sort === undefined || sort === '' ? result : sortRows(result, fields, sort)
}

export function isAggregate(field: string): boolean {
  return field.endsWith(')')
}

/** The column that an aggregate is about, undefined for `count()`; and whether it is known at all. */
export function describeAggregate(field: string): { isKnown: boolean; column: string | undefined } {
  const { name, args } = parseAggregate(field)
  return { isKnown: Object.hasOwn(AGGREGATES, name), column: args[0] }
}

function parseAggregate(field: string): { name: string; args: string[] } {
  const [, name = '', list = ''] = /^(\w+)\((.*)\)$/.exec(field) ?? []
  return { name, args: list === '' ? [] : list.split(',').map((argument) => argument.trim()) }
}

function computeAggregate(field: string, rows: readonly Row[]): unknown {
  const { name, args } = parseAggregate(field)
  const aggregate = AGGREGATES[name]
  if (aggregate === undefined) throw new SearchError(`${name} is not a valid function`)
  return aggregate(rows, args)
}

function sortRows(rows: Row[], fields: readonly string[], sort: string): Row[] {
  const field = findSortField(fields, sort)
  if (field === undefined) throw new SearchError('Cannot sort by a field that is not selected.')
  const sorted = rows.toSorted((left, right) => compareValues(left[field], right[field]))
  return sort.startsWith('-') ? sorted.reverse() : sorted
}

/** The selected field that a sort is about; undefined when none is, which Sentry refuses. */
export function findSortField(fields: readonly string[], sort: string): string | undefined {
  const wanted = makeAlias(sort.replace(/^-/, ''))
  return fields.find((candidate) => makeAlias(candidate) === wanted)
}

/** Sentry also knows `count_unique(user.id)` as `count_unique_user_id` and `count()` as `count`. */
function makeAlias(field: string): string {
  return field.replaceAll(/\W+/g, '_').replace(/_$/, '')
}

function project(row: Row, fields: readonly string[]): Row {
  return Object.fromEntries(fields.map((field) => [field, row[field] ?? null]))
}

/** A metric's aggregate names the metric: `p95(value,payment.charge.duration,distribution,millisecond)`. */
function selectMetric(rows: readonly Row[], [, name, type]: string[]): readonly Row[] {
  if (name === undefined) return rows
  return rows.filter(
    (row) => row['metric.name'] === name && (type === undefined || row['metric.type'] === type),
  )
}

function readNumbers(rows: readonly Row[], args: string[]): number[] {
  const [field = ''] = args
  const values = selectMetric(rows, args).flatMap((row) =>
    typeof row[field] === 'number' ? [row[field]] : [],
  )
  return values.sort((left, right) => left - right)
}

function readPercentile(rows: readonly Row[], args: string[], share: number): number | null {
  const values = readNumbers(rows, args)
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? null
}

function average(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0) / values.length
}

function readTime(row: Row): Date {
  return row.timestamp instanceof Date ? row.timestamp : new Date(0)
}

function byTime(left: Date, right: Date): number {
  return left.getTime() - right.getTime()
}

function compareValues(left: unknown, right: unknown): number {
  if (left instanceof Date && right instanceof Date) return byTime(left, right)
  if (typeof left === 'number' && typeof right === 'number') return left - right
  return String(left ?? '').localeCompare(String(right ?? ''))
}
