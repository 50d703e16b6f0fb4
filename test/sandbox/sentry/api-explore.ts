import {
  Answer,
  type ApiCall,
  ApiFailure,
  type ApiRoute,
  createNotFound,
  findIssue,
  findOrganization,
  List,
  READ_EVENT,
  selectProjects,
} from './api-call.ts'
import type { Issue } from './data.ts'
import { describeAggregate, findSortField, isAggregate, runEventsQuery } from './events-query.ts'
import { type Dataset, listErrorRows, listRows } from './rows.ts'
import { listKeys, parsePeriod, type Row, SearchError } from './search.ts'
import { showSpan } from './views.ts'

const ORGANIZATION = '/organizations/:organization'

/** Event searches, tags and attributes, traces, Seer and replays. */
export const exploreRoutes: ApiRoute[] = [
  { method: 'GET', path: `${ORGANIZATION}/events/`, scopes: READ_EVENT, handle: searchEvents },
  {
    method: 'GET',
    path: `${ORGANIZATION}/events/validate/`,
    scopes: READ_EVENT,
    handle: validateEventsQuery,
  },
  { method: 'GET', path: `${ORGANIZATION}/tags/`, scopes: READ_EVENT, handle: listTags },
  {
    method: 'GET',
    path: `${ORGANIZATION}/trace-items/attributes/`,
    scopes: READ_EVENT,
    handle: listAttributes,
  },
  { method: 'GET', path: `${ORGANIZATION}/trace/:trace/`, scopes: READ_EVENT, handle: showTrace },
  { method: 'GET', path: `${ORGANIZATION}/trace-meta/:trace/`, scopes: READ_EVENT, handle: showTraceMeta },
  {
    method: 'GET',
    path: `${ORGANIZATION}/replays/`,
    scopes: READ_EVENT,
    handle: (call) => findOrganization(call) && { data: [] },
  },
  {
    method: 'GET',
    path: `${ORGANIZATION}/replay-count/`,
    scopes: READ_EVENT,
    handle: (call) => findOrganization(call) && {},
  },
  {
    method: 'GET',
    path: `${ORGANIZATION}/agents/conversations/`,
    scopes: READ_EVENT,
    handle: (call) => new List(findOrganization(call) && []),
  },
]

/**
 * Seer's analysis of an issue. A run is `processing` for the first `polls` questions about it and `completed`
 * from then on. To start one, Sentry asks for no more than to be allowed to read.
 */
export function createSeerRoutes(polls: number): ApiRoute[] {
  const path = `${ORGANIZATION}/issues/:issue/autofix/`
  return [
    {
      method: 'GET',
      path,
      scopes: READ_EVENT,
      handle: (call) => ({ autofix: askSeer(findIssue(call), polls) }),
    },
    { method: 'POST', path, scopes: READ_EVENT, handle: startSeer },
  ]
}

function startSeer(call: ApiCall): Answer {
  const issue = findIssue(call)
  issue.seerRun ??= { id: Number(issue.id) + 800_000, startedAt: new Date(), polls: 0 }
  return new Answer(202, { run_id: issue.seerRun.id })
}

function askSeer({ seerRun, diagnosis }: Issue, polls: number): unknown {
  if (seerRun === undefined) return null
  seerRun.polls += 1
  const isDone = seerRun.polls > polls
  const todo = (content: string) => ({ content, status: isDone ? 'completed' : 'in_progress' })
  const cause = {
    one_line_description: diagnosis?.cause ?? 'The stack trace alone does not tell the cause.',
    five_whys: diagnosis?.whys ?? [],
    reproduction_steps: diagnosis?.reproduction ?? [],
    relevant_repo: diagnosis?.repository ?? null,
  }
  const solution = diagnosis && { one_line_summary: diagnosis.solution, steps: diagnosis.steps }
  const artifacts = [
    { key: 'root_cause', reason: 'Root cause found', data: cause },
    ...(solution === undefined ? [] : [{ key: 'solution', reason: 'Solution planned', data: solution }]),
  ]
  return {
    run_id: seerRun.id,
    status: isDone ? 'completed' : 'processing',
    updated_at: new Date(),
    owner_user_id: null,
    pending_user_input: null,
    repo_pr_states: {},
    coding_agents: {},
    blocks: [
      {
        id: 'block-1',
        message: { role: 'assistant', content: 'Reading the stack trace and the code around it.' },
        timestamp: seerRun.startedAt,
        loading: !isDone,
        artifacts: isDone ? artifacts : [],
        todos: [todo('Find the root cause'), todo('Plan a solution')],
      },
    ],
  }
}

function searchEvents(call: ApiCall): unknown {
  const fields = call.query.getAll('field')
  if (fields.length === 0) throw new ApiFailure(400, 'No columns selected')
  const dataset = readDataset(call)
  const rows = runEventsQuery(selectRows(call, dataset), {
    query: call.query.get('query') ?? '',
    fields,
    sort: call.query.get('sort') ?? undefined,
  })
  const limit = Number(call.query.get('per_page') ?? 50)
  return {
    data: rows.slice(0, limit),
    meta: {
      fields: Object.fromEntries(fields.map((field) => [field, describeType(rows[0]?.[field])])),
      units: Object.fromEntries(
        fields.map((field) => [field, field.includes('duration') ? 'millisecond' : null]),
      ),
      isMetricsData: false,
      dataset,
      datasetReason: 'unchanged',
      tips: {},
    },
  }
}

/** Says of each part of a search whether Sentry would accept it. */
function validateEventsQuery(call: ApiCall): unknown {
  const { query } = call
  const dataset = readDataset(call)
  const known = new Map(selectRows(call, dataset, 0).flatMap((row) => Object.entries(row)))
  // A dataset without a single row cannot tell which of its fields exist.
  const isKnown = (name: string) => known.size === 0 || known.has(name)

  const checkField = (name: string) => {
    const aggregate = isAggregate(name) ? describeAggregate(name) : undefined
    const column = aggregate === undefined ? name : aggregate.column
    const valid = aggregate?.isKnown !== false && (column === undefined || isKnown(column))
    const attrType = typeof known.get(column ?? '') === 'number' ? 'number' : 'string'
    return {
      name,
      valid,
      attrType: valid ? attrType : null,
      error: valid ? null : `Unknown attribute ${name}`,
    }
  }
  const fields = query.getAll('field')
  const field = fields.map(checkField)
  const orderby = query.getAll('orderby').map((name) => {
    const sortField = findSortField(fields, name)
    if (sortField !== undefined) return { ...checkField(sortField), name }
    return { name, valid: false, attrType: null, error: 'Cannot sort by a field that is not selected.' }
  })
  const checkedQuery = checkQuery(query.get('query') ?? '', checkField)
  const valid = [...field, ...orderby, checkedQuery].every((part) => part.valid)
  return new Answer(valid ? 200 : 400, {
    valid,
    projects: [],
    dataset: [{ name: dataset, valid: true, error: null }],
    environment: [],
    field,
    query: checkedQuery,
    orderby,
  })
}

function checkQuery(query: string, checkField: (name: string) => { valid: boolean }) {
  try {
    const fields = listKeys(query).map(checkField)
    return { valid: fields.every(({ valid }) => valid), error: null, fields }
  } catch (error) {
    if (!(error instanceof SearchError)) throw error
    return { valid: false, error: error.message, fields: [] }
  }
}

function listTags(call: ApiCall): List {
  const { issues } = findOrganization(call)
  const projects = selectProjects(call)
  const events = issues.filter(({ project }) => projects.includes(project)).flatMap((issue) => issue.events)
  const values = Map.groupBy(
    events.flatMap(({ tags }) => Object.entries(tags)),
    ([key]) => key,
  )
  return new List([...values].map(([key, entries]) => ({ key, name: key, totalValues: entries.length })))
}

function listAttributes(call: ApiCall): List {
  const dataset = toDataset(call.query.get('itemType') ?? 'spans')
  const wanted = call.query.get('substringMatch') ?? ''
  const columns = new Map(selectRows(call, dataset, 0).flatMap((row) => Object.entries(row)))
  const shown = [...columns].filter(([key]) => key.includes(wanted))
  return new List(
    shown.map(([key, value]) => ({
      key,
      name: key,
      attributeType: typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'string',
      attributeSource: { source_type: 'sentry' },
    })),
  )
}

function showTrace(call: ApiCall): unknown {
  const { projects, issues } = findOrganization(call)
  const spans = findSpans(call)
  const errors = listErrorRows(issues).filter(({ trace }) => trace === call.params.trace)
  const findProjectId = (slug: string) => projects.find((project) => project.slug === slug)?.id ?? ''
  const context = {
    spans,
    findProjectId,
    findErrors: ({ id }: { id: string }) => errors.filter((row) => row.span_id === id).map(showTraceError),
  }
  const roots = spans.filter(({ parentId }) => parentId === undefined)
  return roots.map((span) => showSpan(span, context))

  function showTraceError(row: Row): Record<string, unknown> {
    return {
      event_id: row.id,
      event_type: 'error',
      issue_id: row['issue.id'],
      project_id: Number(findProjectId(String(row.project))),
      project_slug: row.project,
      title: row.title,
      culprit: row.culprit,
      message: row.message,
      level: row.level,
      timestamp: row.timestamp,
    }
  }
}

function showTraceMeta(call: ApiCall): unknown {
  const { issues, logs } = findOrganization(call)
  const spans = findSpans(call)
  const { trace } = call.params
  const transactions = spans.filter(({ isTransaction }) => isTransaction)
  return {
    errors: listErrorRows(issues).filter((row) => row.trace === trace).length,
    logs: logs.filter(({ traceId }) => traceId === trace).length,
    performance_issues: 0,
    span_count: spans.length,
    span_count_map: countBy(spans, ({ op }) => op),
    transaction_child_count_map: transactions.map(({ id, transaction }) => ({
      'transaction.event_id': id,
      'count()': spans.filter((span) => span.transaction === transaction).length,
    })),
  }
}

function findSpans(call: ApiCall) {
  const found = findOrganization(call).spans.filter(({ traceId }) => traceId === call.params.trace)
  if (found.length === 0) throw createNotFound()
  return found
}

/** The rows of a dataset within the projects and, unless it is 0, the period that the call asks for. */
function selectRows(call: ApiCall, dataset: Dataset, period = readPeriod(call)): Row[] {
  const slugs = selectProjects(call).map(({ slug }) => slug)
  const since = period === 0 ? 0 : Date.now() - period
  const until = call.query.has('end') ? Date.parse(call.query.get('end') ?? '') : Number.POSITIVE_INFINITY
  return listRows(findOrganization(call), dataset).filter(({ project, timestamp }) => {
    const time = timestamp instanceof Date ? timestamp.getTime() : 0
    return slugs.includes(String(project)) && time >= since && time <= until
  })
}

function readPeriod({ query }: ApiCall): number {
  if (query.has('start')) return Date.now() - Date.parse(query.get('start') ?? '')
  return parsePeriod(query.get('statsPeriod') ?? '90d') ?? 0
}

function readDataset(call: ApiCall): Dataset {
  return toDataset(call.query.get('dataset') ?? 'errors')
}

function toDataset(name: string): Dataset {
  switch (name) {
    case 'errors':
    case 'spans':
    case 'logs':
    case 'tracemetrics':
    case 'profiles':
      return name
    default:
      throw new ApiFailure(400, `dataset must be one of: errors, spans, logs, tracemetrics, profiles`)
  }
}

function describeType(value: unknown): string {
  if (value instanceof Date) return 'date'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value === 'boolean' ? 'boolean' : 'string'
}

function countBy<Item>(items: readonly Item[], name: (item: Item) => string): Record<string, number> {
  const groups = Map.groupBy(items, name)
  return Object.fromEntries([...groups].map(([key, members]) => [key, members.length]))
}
