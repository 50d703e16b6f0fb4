/**
 * The traces of releases before 26.4.0, which have transactions in place of spans, as mcp-core expects traces. Fields:
 * `FullResponse` and `SerializedTrace` of src/sentry/api/endpoints/organization_events_trace.py.
 */

type Json = Readonly<Record<string, unknown>>

/** Whether a trace is one that mcp-core can read: a list whose members have an `event_id`. */
export function isSpanTrace(body: unknown): boolean {
  return Array.isArray(body) && body.every((node) => isJson(node) && 'event_id' in node)
}

/** Converts the response of `/events-trace/`. */
export function convertTrace(body: unknown): unknown[] {
  const { transactions, orphan_errors: orphans } = (isJson(body) ? body : {}) as {
    transactions?: unknown
    orphan_errors?: unknown
  }
  return [...listJson(transactions).map(convertTransaction), ...listJson(orphans)]
}

function convertTransaction(node: Json): Json {
  const {
    'transaction.duration': duration,
    'transaction.op': op,
    transaction,
    timestamp,
    start_timestamp,
    performance_issues,
    children,
  } = node
  return {
    event_id: node.event_id,
    span_id: node.span_id,
    transaction_id: node.event_id,
    project_id: node.project_id,
    project_slug: node.project_slug,
    parent_span_id: node.parent_span_id ?? null,
    start_timestamp: readSeconds(start_timestamp),
    end_timestamp: readSeconds(timestamp),
    duration: readNumber(duration),
    transaction,
    description: transaction,
    op,
    is_transaction: true,
    event_type: 'span',
    errors: listJson(node.errors),
    occurrences: listJson(performance_issues),
    children: listJson(children).map(convertTransaction),
  }
}

/**
 * Converts the response of `/events-trace-meta/`. Its map of transactions has other keys than mcp-core's schema, so only
 * its sum is kept.
 */
export function convertTraceCounts(body: unknown): Json {
  const { errors, performance_issues: issues, span_count: spans, ...rest } = isJson(body) ? body : {}
  const counted = listJson(rest.transaction_child_count_map).map((row) => readNumber(row['count()']))
  return {
    errors: readNumber(errors),
    performance_issues: readNumber(issues),
    span_count: spans === undefined ? counted.reduce((sum, count) => sum + count, 0) : readNumber(spans),
  }
}

/** The number of spans in a response of `/trace-meta/` of any release; undefined if it does not say. */
export function readSpanCount(body: unknown): number | undefined {
  const { span_count, spansCount = span_count } = isJson(body) ? body : {}
  return spansCount === undefined ? undefined : readNumber(spansCount)
}

/** Timestamps are numbers of seconds or, in some releases, text. */
function readSeconds(value: unknown): number {
  if (typeof value !== 'string') return readNumber(value)
  const seconds = Number(value)
  return Number.isNaN(seconds) ? readNumber(Date.parse(value) / 1000) : seconds
}

function readNumber(value: unknown): number {
  const number = Number(value ?? 0)
  return Number.isFinite(number) ? number : 0
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listJson(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isJson) : []
}
