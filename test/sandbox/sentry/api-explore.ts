import {
  type ApiCall,
  ApiFailure,
  ApiResponse,
  type ApiRoute,
  findOrganization,
  List,
  READ_EVENT,
  selectProjects,
} from './api-call.ts'
import { describeAggregate, findSortField, isAggregate, runEventsQuery } from './events-query.ts'
import { type Dataset, listRows } from './rows.ts'
import { listKeys, parsePeriod, type Row, SearchError } from './search.ts'

const ORGANIZATION = '/organizations/:organization'

/** Event searches, tags and attributes. */
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
]

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

/** Whether Sentry accepts a search, part by part. */
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
  return new ApiResponse(valid ? 200 : 400, {
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
  const types = call.query.getAll('attributeType')
  if (types.length === 0 && !call.release.has('attributes without a type'))
    throw new ApiFailure(400, { attributeType: ['This field is required.'] })
  const dataset = toDataset(call.query.get('itemType') ?? 'spans')
  const wanted = call.query.get('substringMatch') ?? ''
  const columns = new Map(selectRows(call, dataset, 0).flatMap((row) => Object.entries(row)))
  const found = [...columns]
    .filter(([key]) => key.includes(wanted))
    .map(([key, value]) => ({
      key,
      name: key,
      attributeType: typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'string',
      attributeSource: { source_type: 'sentry' },
    }))
  return new List(found.filter(({ attributeType }) => types.length === 0 || types.includes(attributeType)))
}

/** The rows of a dataset within the projects and, unless it is 0, the period that the call asks for. */
function selectRows(call: ApiCall, dataset: Dataset, period = readPeriod(call)): Row[] {
  const slugs = selectProjects(call).map(({ slug }) => slug)
  const since = period === 0 ? 0 : Date.now() - period
  const until = call.query.has('end') ? Date.parse(call.query.get('end') ?? '') : Number.POSITIVE_INFINITY
  const rows =
    call.release.describeDataset(dataset) === 'no data' ? [] : listRows(findOrganization(call), dataset)
  return rows.filter(({ project, timestamp }) => {
    const time = timestamp instanceof Date ? timestamp.getTime() : 0
    return slugs.includes(String(project)) && time >= since && time <= until
  })
}

function readPeriod({ query }: ApiCall): number {
  if (query.has('start')) return Date.now() - Date.parse(query.get('start') ?? '')
  return parsePeriod(query.get('statsPeriod') ?? '90d') ?? 0
}

function readDataset(call: ApiCall): Dataset {
  const name = call.query.get('dataset') ?? 'errors'
  // A dataset that is switched off is not there, like a route.
  if (call.release.describeDataset(name) === 'off') throw new ApiFailure(404)
  if (call.release.describeDataset(name) === 'unknown')
    throw new ApiFailure(400, 'dataset must be one of: errors, spans, logs, tracemetrics, profiles')
  return toDataset(name)
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
      throw new ApiFailure(400, `${name} is not a dataset`)
  }
}

function describeType(value: unknown): string {
  if (value instanceof Date) return 'date'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value === 'boolean' ? 'boolean' : 'string'
}
