import { findNearestName, simplifyName } from '../../model/nearest-name.ts'
import { redactInput } from '../../telemetry/redact.ts'
import type {
  McpCore,
  SentryTool,
  ToolContext,
  ToolParams,
  ZodIssue,
  ZodShape,
  ZodType,
} from '../core/types.ts'
import { isRecord } from '../transport/json-rpc.ts'
import { nameOrganization } from './links.ts'
import { UNUSED_MEMBER } from './schema.ts'

/** A JSON Schema as mcp-core's Zod writes it, with the keywords that matter here. */
interface Schema {
  type?: string | readonly string[]
  format?: string
  const?: unknown
  enum?: readonly unknown[]
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  additionalProperties?: unknown
  items?: Schema
  anyOf?: readonly Schema[]
  oneOf?: readonly Schema[]
}

/** Arguments whose only values are an id, a slug or a URL, so that an empty text says nothing. */
const IDENTIFIER = /(^|[a-z])(id|slug|url)(OrId|OrSlug|OrName|OrTitle)?$/i

/** How many of a tool's unknown arguments an error names. */
const MAX_UNKNOWN = 3

/** How many errors in arguments are listed. */
const MAX_ISSUES = 6

const schemas = new WeakMap<object, Schema>()

/** The parsers of a tool, by the names of their parameters. */
const parsers = new WeakMap<object, Map<string, ZodType>>()

export interface ArgumentsOptions {
  core: McpCore
  tool: SentryTool
  context: Pick<ToolContext, 'constraints'>
}

/**
 * The arguments of a call as clients mean them, for mcp-core. Null for what is optional, and an empty text where only an
 * id or URL can stand, are left out, as OpenAI's strict mode sends both; so are arguments that the connection fills in.
 * The JSON of an object or list is read where only its text was sent.
 * A link to a self-hosted Sentry names its organization. Throws `UserInputError`, in sentences, for an argument that the
 * tool does not know, one that contradicts the limit of the connection, and a value of another type.
 */
export function prepareArguments(options: ArgumentsOptions, args: unknown): Record<string, unknown> {
  const { core, tool, context } = options
  const refuse = (text: string): never => {
    throw new core.UserInputError(text)
  }
  if (!isRecord(args)) return refuse(`The arguments of ${tool.name} must be an object.`)
  const shape = core.getFilteredInputSchema(tool, context)
  const own = dropWithdrawn(options, Object.keys(shape), args)
  const schema = readSchema(core, tool)
  const properties = Object.fromEntries(
    Object.entries(schema.properties ?? {}).filter(([name]) => Object.hasOwn(shape, name)),
  )
  const visible = { ...schema, properties }
  const unknown = findUnknown(own, visible)
  if (unknown.length > 0) refuse(explainUnknown(tool.name, unknown))
  const clean = dropAbsent(own, visible) as Record<string, unknown>
  const issues = findParser(core, tool, shape).safeParse?.(clean).error?.issues ?? []
  if (issues.length > 0) refuse(explainIssues(tool.name, issues, clean))
  const given = typeof clean.organizationSlug === 'string' ? clean.organizationSlug : undefined
  return nameOrganization(tool.name, clean, context.constraints.organizationSlug ?? given, refuse)
}

/** What `core.prepareToolParams` returns, with prepared schemas. Throws `UserInputError`. */
export function parseParams(
  { core, tool, context }: ArgumentsOptions & { context: ToolContext },
  params: unknown,
): ToolParams {
  const parser = findParser(core, tool, core.getFilteredInputSchema(tool, context))
  const parsed = parser.safeParse?.(params)
  if (!parsed?.success) return core.prepareToolParams({ tool, params, context })
  return core.injectConstraintParams(parsed.data as ToolParams, tool, context)
}

/** Zod compiles a schema at its first use, which takes longer than all uses of a call. */
function findParser({ z }: McpCore, tool: SentryTool, shape: ZodShape): ZodType {
  const known = parsers.get(tool.inputSchema) ?? new Map<string, ZodType>()
  parsers.set(tool.inputSchema, known)
  const key = Object.keys(shape).join(' ')
  const parser = known.get(key) ?? z.object(shape)
  known.set(key, parser)
  return parser
}

function readSchema({ z }: McpCore, tool: SentryTool): Schema {
  const known = schemas.get(tool.inputSchema)
  if (known !== undefined) return known
  const options = { target: 'draft-2020-12', io: 'input', unrepresentable: 'any' }
  const schema: Schema = z.toJSONSchema(z.object(tool.inputSchema), options)
  schemas.set(tool.inputSchema, schema)
  return schema
}

/**
 * The arguments without those that this session does not ask for: the region, what the limit fills in, and what stands in
 * for the arguments of a tool that has none.
 */
function dropWithdrawn(
  { core, tool, context }: ArgumentsOptions,
  visible: readonly string[],
  args: Record<string, unknown>,
): Record<string, unknown> {
  const original = core.tools[tool.name]?.inputSchema ?? tool.inputSchema
  const { organizationSlug, projectSlug } = context.constraints
  const limits: Record<string, string | undefined> = {
    organizationSlug,
    projectSlug,
    projectSlugOrId: projectSlug,
  }
  const entries = Object.entries(args).filter(([name, value]) => {
    if (visible.includes(name)) return true
    if (!Object.hasOwn(original, name)) return name !== UNUSED_MEMBER
    const limit = limits[name]
    if (limit !== undefined && contradicts(name, value, limit)) {
      const what = name === 'organizationSlug' ? 'organization' : 'project'
      throw new core.UserInputError(
        `This connection is limited to the ${what} ${limit}, and ${name} names ${redactInput(JSON.stringify(value)).slice(0, 100)}. Leave ${name} out, or ask the user to connect to another ${what}.`,
      )
    }
    return false
  })
  return Object.fromEntries(entries)
}

/** A numeric id can be that of the project of the limit, which is known by its slug. */
function contradicts(name: string, value: unknown, limit: string): boolean {
  const text = String(value ?? '').trim()
  if (text === '' || (name === 'projectSlugOrId' && /^\d+$/.test(text))) return false
  return text.toLowerCase() !== limit.toLowerCase()
}

interface UnknownName {
  path: string
  known: readonly string[]
}

/** The names in a value, at any depth, that its schema has no property for. */
function findUnknown(given: unknown, schema: Schema, path = ''): UnknownName[] {
  const value = readStructure(given, schema)
  if (Array.isArray(value)) {
    const items = findVariants(schema).find((variant) => variant.items !== undefined)?.items
    return items === undefined ? [] : value.flatMap((item) => findUnknown(item, items, path))
  }
  if (!isRecord(value)) return []
  const variants = findVariants(schema).filter(({ properties }) => properties !== undefined)
  const isOpen = variants.some(({ additionalProperties: rest }) => rest !== undefined && rest !== false)
  if (variants.length === 0 || isOpen) return []
  const known = [...new Set(variants.flatMap(({ properties }) => Object.keys(properties ?? {})))]
  const properties = pickVariant(variants, value)?.properties ?? {}
  return Object.entries(value).flatMap(([name, item]) => {
    if (!known.includes(name)) return [{ path: `${path}${name}`, known: known.map((one) => `${path}${one}`) }]
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined
    return property === undefined ? [] : findUnknown(item, property, `${path}${name}.`)
  })
}

/** The value without what says nothing: null or an empty text for what is optional. */
function dropAbsent(given: unknown, schema: Schema): unknown {
  const value = readStructure(given, schema)
  if (Array.isArray(value)) {
    const items = findVariants(schema).find((variant) => variant.items !== undefined)?.items
    return items === undefined ? value : value.map((item) => dropAbsent(item, items))
  }
  if (!isRecord(value)) return value
  const variants = findVariants(schema).filter(({ properties }) => properties !== undefined)
  const { properties = {}, required = [] } = pickVariant(variants, value) ?? {}
  const entries = Object.entries(value).flatMap(([name, item]): [string, unknown][] => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined
    const isOfAnother = property === undefined && variants.some((one) => name in (one.properties ?? {}))
    if (isOfAnother && item === null) return []
    if (property === undefined) return [[name, item]]
    if (!required.includes(name) && isAbsent(name, item, property)) return []
    return [[name, dropAbsent(item, property)]]
  })
  return Object.fromEntries(entries)
}

/** The object or list whose JSON a model sent in its place (neo4j-contrib/mcp-neo4j#231); any other value as it is. */
function readStructure(value: unknown, schema: Schema): unknown {
  if (typeof value !== 'string' || !/^\s*[{[]/.test(value)) return value
  const types = findVariants(schema).flatMap(({ type }) => type ?? [])
  const parsed = parseJson(value)
  const fits = Array.isArray(parsed) ? types.includes('array') : isRecord(parsed) && types.includes('object')
  return fits ? parsed : value
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isAbsent(name: string, value: unknown, schema: Schema): boolean {
  const variants = findVariants(schema)
  if (value === null) return !variants.some(allowsNull)
  if (typeof value !== 'string' || value.trim() !== '') return false
  return IDENTIFIER.test(name) || variants.some(({ format }) => format === 'uri')
}

function allowsNull({ type, enum: values, const: value, anyOf, oneOf }: Schema): boolean {
  if (value === null || values?.includes(null)) return true
  if (type !== undefined) return [type].flat().includes('null')
  return value === undefined && values === undefined && anyOf === undefined && oneOf === undefined
}

/** A schema's alternatives, at any depth; the schema itself if it has none. */
function findVariants(schema: Schema): Schema[] {
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  return variants.length === 0 ? [schema] : variants.flatMap(findVariants)
}

/** The alternative whose fixed values a value has, such as that of its `type`. */
function pickVariant(variants: readonly Schema[], value: Record<string, unknown>): Schema | undefined {
  const fits = ({ properties = {} }: Schema) =>
    Object.entries(properties).every(
      ([name, { const: fixed }]) => fixed === undefined || value[name] === fixed,
    )
  return variants.find(fits) ?? variants[0]
}

function explainUnknown(tool: string, unknown: readonly UnknownName[]): string {
  const sentences = unknown.slice(0, MAX_UNKNOWN).map(({ path, known }) => {
    const nearest = findNearest(path, known)
    const rest =
      known.length === 0
        ? 'it takes none'
        : nearest === undefined
          ? `it takes ${known.join(', ')}`
          : `did you mean ${nearest}?`
    return `${tool} has no argument ${redactInput(path).slice(0, 100)}; ${rest}${nearest === undefined || known.length === 0 ? '.' : ''}`
  })
  return sentences.join(' ')
}

/** The known name that a name is a misspelling or a part of. */
function findNearest(name: string, known: readonly string[]): string | undefined {
  const nearest = findNearestName(name, known, (length) => Math.max(2, length / 3))
  if (nearest !== undefined) return nearest
  const wanted = simplifyName(name.slice(0, 100))
  return known.find((candidate) => {
    const simple = simplifyName(candidate)
    return wanted.length > 2 && (simple.includes(wanted) || wanted.includes(simple))
  })
}

function explainIssues(tool: string, issues: readonly ZodIssue[], args: unknown): string {
  const sentences = issues.slice(0, MAX_ISSUES).map((issue) => explainIssue(issue, args))
  const more = issues.length > MAX_ISSUES ? ` There are ${issues.length - MAX_ISSUES} more errors.` : ''
  return `The arguments of ${tool} are invalid. ${sentences.join(' ')}${more}`
}

function explainIssue(issue: ZodIssue, args: unknown): string {
  const name = issue.path.map(String).join('.') || 'The value'
  const value = issue.path.reduce<unknown>(
    (holder, key) => (typeof holder === 'object' && holder !== null ? Reflect.get(holder, key) : undefined),
    args,
  )
  if (value === undefined) return `${name} is missing.`
  switch (issue.code) {
    case 'invalid_type':
      return `${name} must be ${withArticle(issue.expected ?? 'other')}, not ${describeType(value)}.`
    case 'invalid_value':
      return `${name} must be ${joinWords((issue.values ?? []).map((one) => JSON.stringify(one)))}.`
    case 'unrecognized_keys':
      return `${name} has no ${joinWords(issue.keys ?? [])}.`
    case 'invalid_union': {
      const types = (issue.errors ?? []).flatMap((errors) =>
        errors.flatMap(({ code, path, expected, values }) =>
          path.length > 0
            ? []
            : code === 'invalid_type'
              ? [withArticle(expected ?? '')]
              : (values ?? []).map(String),
        ),
      )
      return types.length === 0
        ? `${name} has none of the forms that it can have.`
        : `${name} must be ${joinWords([...new Set(types)])}, not ${describeType(value)}.`
    }
    default:
      return `${name}: ${issue.message.replace(/\.?$/, '.')}`
  }
}

function describeType(value: unknown): string {
  if (value === null) return 'null'
  return withArticle(Array.isArray(value) ? 'array' : typeof value)
}

function withArticle(type: string): string {
  const word = { int: 'integer', record: 'object' }[type] ?? type
  if (word === 'null') return word
  return /^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`
}

function joinWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
