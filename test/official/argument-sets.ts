import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import type { SentryData } from '../sandbox/sentry/data.ts'
import { listToolCalls, TOOLS_WITHOUT_SENTRY, type ToolCall } from '../stand-in/tool-calls.ts'

/** What is special about the arguments of a call. */
export const KINDS = [
  'valid',
  'an optional argument left out',
  'an optional argument added',
  'a link',
  'a required argument left out',
  'another type',
  'a bad value',
  'null for an optional argument',
  'an empty text for an optional argument',
  'an unknown argument',
] as const

export type Kind = (typeof KINDS)[number]

export interface ArgumentSet extends ToolCall {
  kind: Kind
  /** The argument that is special; undefined where none is. */
  argument: string | undefined
}

interface Schema {
  type?: string
  format?: string
  enum?: readonly unknown[]
  anyOf?: readonly Schema[]
  properties?: Record<string, Schema>
  required?: readonly string[]
}

/** The sets that only this server takes come last, since they change its Sentry alone. */
const LAST = KINDS.slice(KINDS.indexOf('null for an optional argument'))

/** Several argument sets for every tool that asks Sentry, by tool, in the order in which they are called. */
export async function listArgumentSets(data: SentryData): Promise<Map<string, ArgumentSet[]>> {
  const { tools, z } = await loadMcpCore()
  const calls = Map.groupBy(listToolCalls(data), ({ name }) => name)
  const options = { target: 'draft-2020-12', io: 'input', unrepresentable: 'any' }
  const sets = Object.values(tools)
    .filter(({ name }) => !TOOLS_WITHOUT_SENTRY.includes(name))
    .map(({ name, inputSchema }): [string, ArgumentSet[]] => {
      const schema: Schema = z.toJSONSchema(z.object(inputSchema), options)
      const valid = calls.get(name) ?? []
      const list = [
        ...valid.map((call): ArgumentSet => ({ ...call, kind: 'valid', argument: undefined })),
        ...valid.slice(0, 1).flatMap((call) => varyCall(call, schema)),
      ]
      const rank = ({ kind, argument }: ArgumentSet) =>
        LAST.includes(kind) || argument === 'regionUrl' ? 2 : kind === 'a link' ? 1 : 0
      return [name, list.toSorted((left, right) => rank(left) - rank(right))]
    })
  return new Map(sets)
}

function varyCall({ name, arguments: valid }: ToolCall, schema: Schema): ArgumentSet[] {
  const required = schema.required ?? []
  const vary = (kind: Kind, argument: string, value: unknown): ArgumentSet => {
    const { [argument]: _, ...others } = valid
    return {
      name,
      kind,
      argument,
      arguments: value === undefined ? others : { ...others, [argument]: value },
    }
  }
  const ofArguments = Object.entries(schema.properties ?? {}).flatMap(([argument, property]) => {
    const isRequired = required.includes(argument)
    const types = listTypes(property)
    return [
      ...(isRequired ? [vary('a required argument left out', argument, undefined)] : []),
      ...(!isRequired && argument in valid
        ? [vary('an optional argument left out', argument, undefined)]
        : []),
      ...(isRequired || argument in valid
        ? []
        : listUsual(property).map((value) => vary('an optional argument added', argument, value))),
      ...listOfOtherTypes(types).map((value) => vary('another type', argument, value)),
      ...listBad(property, types).map((value) => vary('a bad value', argument, value)),
      ...(isRequired || argument in valid ? [] : [vary('null for an optional argument', argument, null)]),
      ...(isRequired || argument in valid || !types.has('string')
        ? []
        : [vary('an empty text for an optional argument', argument, '')]),
    ]
  })
  return [
    ...ofArguments,
    ...listLinks(schema, valid).map((set): ArgumentSet => ({ ...set, name, kind: 'a link' })),
    {
      name,
      kind: 'an unknown argument',
      argument: 'projectSlugg',
      arguments: { ...valid, projectSlugg: 'x' },
    },
  ]
}

function listTypes(schema: Schema): Set<string> {
  return new Set(
    [schema.type, ...(schema.anyOf ?? []).flatMap((one) => [...listTypes(one)])].flat().filter(isText),
  )
}

function listUsual(schema: Schema): unknown[] {
  const variant = [schema, ...(schema.anyOf ?? [])].find(({ type }) => type !== undefined)
  if (variant?.enum !== undefined) return [...variant.enum]
  if (variant?.type === 'boolean') return [true, false]
  return variant?.type === 'integer' || variant?.type === 'number' ? [2] : []
}

function listOfOtherTypes(types: ReadonlySet<string>): unknown[] {
  const values: [type: string, value: unknown][] = [
    ['number', 7],
    ['string', 'seven'],
    ['boolean', true],
    ['array', ['seven']],
    ['object', { seven: 7 }],
  ]
  const isNumber = types.has('integer') || types.has('number')
  return values
    .filter(([type]) => !types.has(type) && !(isNumber && type === 'number'))
    .map(([, value]) => value)
}

function listBad(schema: Schema, types: ReadonlySet<string>): unknown[] {
  const texts = ['../../users/me', 'no such thing', 'a?b#c', 'ünïcödé', 'x'.repeat(300), '0', "' OR 1=1"]
  const numbers = [0, -1, 1.5, 1e9]
  return [
    ...(types.has('string') && schema.enum === undefined ? texts : []),
    ...(types.has('string') && schema.enum !== undefined ? ['no such value'] : []),
    ...(types.has('integer') || types.has('number') ? numbers : []),
    ...(types.has('array') ? [[]] : []),
  ]
}

/** Links to the same thing as Sentry's pages spell them, and texts that are not links. */
function listLinks(schema: Schema, valid: Record<string, unknown>): Omit<ArgumentSet, 'name' | 'kind'>[] {
  const properties = schema.properties ?? {}
  const argument = ['issueUrl', 'replayUrl', 'profileUrl', 'url'].find((name) => name in properties)
  if (argument === undefined || schema.required?.includes(argument)) return []
  const { issueId: _, organizationSlug: __, resourceType: ___, resourceId: ____, ...others } = valid
  const links = [
    'https://sentry.io/organizations/tidewater-books/issues/STOREFRONT-1/',
    'https://tidewater-books.sentry.io/issues/STOREFRONT-1/',
    'https://sentry.example.com/organizations/tidewater-books/issues/STOREFRONT-1/?project=1',
    'https://sentry.example.com/settings/account/',
    'not a link',
    'ftp://sentry.io/issues/1',
    // What follows, the two servers read differently.
    'https://sentry.example.com/issues/STOREFRONT-1/',
    'https://sentry.example.com/tidewater-books/issues/STOREFRONT-1/',
    'http://localhost:9000/issues/STOREFRONT-1/',
  ]
  return links.flatMap((link) => [
    { argument, arguments: { ...others, [argument]: link } },
    { argument, arguments: { ...others, [argument]: link, organizationSlug: 'tidewater-books' } },
  ])
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
