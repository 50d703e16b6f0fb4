import { type ApiCall, type ApiRoute, createNotFound, findOrganization, READ_EVENT } from './api-call.ts'
import type { Span } from './data-trace.ts'
import { listErrorRows } from './rows.ts'
import { createTraceContext, showSpan, showTransaction } from './views-trace.ts'

const ORGANIZATION = '/organizations/:organization'

/** Traces: by span, and by transaction as older releases show them. */
export const traceRoutes: ApiRoute[] = [
  { method: 'GET', path: `${ORGANIZATION}/trace/:trace/`, scopes: READ_EVENT, handle: showTrace },
  { method: 'GET', path: `${ORGANIZATION}/trace-meta/:trace/`, scopes: READ_EVENT, handle: showTraceCounts },
  {
    method: 'GET',
    path: `${ORGANIZATION}/events-trace/:trace/`,
    scopes: READ_EVENT,
    handle: showTransactions,
  },
  {
    method: 'GET',
    path: `${ORGANIZATION}/events-trace-meta/:trace/`,
    scopes: READ_EVENT,
    handle: showTransactionCounts,
  },
]

function showTrace(call: ApiCall): unknown {
  const spans = findSpans(call).slice(0, Number(call.query.get('limit') ?? 10_000))
  const context = createTraceContext(findOrganization(call), spans)
  return (context.childrenOf.get(undefined) ?? []).map((span) => showSpan(span, context))
}

/** The root transactions of a trace with those below them. */
function showTransactions(call: ApiCall): unknown {
  const context = createTraceContext(findOrganization(call), findSpans(call))
  const roots = context.childrenOf.get(undefined) ?? []
  return { transactions: roots.map((span) => showTransaction(span, context)), orphan_errors: [] }
}

function showTraceCounts(call: ApiCall): unknown {
  const { logs, metrics } = findOrganization(call)
  const { trace } = call.params
  // Where no span is stored, the route responds all the same.
  const spans = call.release.describeDataset('spans') === 'stored' ? findSpans(call) : []
  const counts = {
    errors: countErrors(call),
    logs: logs.filter(({ traceId }) => traceId === trace).length,
    spans: spans.length,
    children: countChildren(spans, 'transaction.event_id'),
    operations: countBy(spans, ({ op }) => op),
  }
  if (!call.release.has('camel case trace counts')) {
    return {
      errors: counts.errors,
      logs: counts.logs,
      performance_issues: 0,
      span_count: counts.spans,
      transaction_child_count_map: counts.children,
      span_count_map: counts.operations,
    }
  }
  return {
    errorsCount: counts.errors,
    logsCount: counts.logs,
    metricsCount: metrics.filter(({ traceId }) => traceId === trace).length,
    performanceIssuesCount: 0,
    spansCount: counts.spans,
    transactionChildCountMap: counts.children,
    spansCountMap: counts.operations,
    uptimeCount: 0,
  }
}

function showTransactionCounts(call: ApiCall): unknown {
  const spans = findSpans(call)
  return {
    projects: new Set(spans.map(({ project }) => project)).size,
    transactions: spans.filter(({ isTransaction }) => isTransaction).length,
    errors: countErrors(call),
    performance_issues: 0,
    span_count: spans.length,
    transaction_child_count_map: countChildren(spans, 'transaction.id'),
    span_count_map: countBy(spans, ({ op }) => op),
  }
}

function countErrors(call: ApiCall): number {
  return listErrorRows(findOrganization(call).issues).filter((row) => row.trace === call.params.trace).length
}

/** How many spans each transaction has, the transaction under the name that the route gives its id. */
function countChildren(spans: readonly Span[], idName: string): Record<string, unknown>[] {
  const transactions = spans.filter(({ isTransaction }) => isTransaction)
  return transactions.map(({ id, transaction }) => ({
    [idName]: id,
    'count()': spans.filter((span) => span.transaction === transaction).length,
  }))
}

function findSpans(call: ApiCall): Span[] {
  const found = findOrganization(call).spans.filter(({ traceId }) => traceId === call.params.trace)
  if (found.length === 0) throw createNotFound()
  return found
}

function countBy<Item>(items: readonly Item[], name: (item: Item) => string): Record<string, number> {
  const groups = Map.groupBy(items, name)
  return Object.fromEntries([...groups].map(([key, members]) => [key, members.length]))
}
