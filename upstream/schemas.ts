import { isDeepStrictEqual } from 'node:util'

/** One difference of a tool: what it was and is, or that a description is worded differently. */
export interface Change {
  /** Such as `scopes`, or `parameter query`. */
  what: string
  before?: string
  after?: string
}

interface ObjectSchema {
  properties?: Record<string, Record<string, unknown>>
  required?: string[]
}

/** Keywords that say nothing of what is accepted, or differ between the makers of JSON Schema. */
const IRRELEVANT = new Set(['$schema', 'title', 'additionalProperties', 'default', 'description'])

/** What differs between the fields of two object schemas, each named as `what`, such as `parameter query`. */
export function compareSchemas(before: unknown, after: unknown, what: string): Change[] {
  if (!isObject(before) || !isObject(after)) {
    if (isObject(before) === isObject(after)) return []
    return [
      {
        what: `${what}s`,
        before: isObject(before) ? 'described' : 'not described',
        after: isObject(after) ? 'described' : 'not described',
      },
    ]
  }
  const [old, current] = [before as ObjectSchema, after as ObjectSchema]
  const names = new Set([...Object.keys(old.properties ?? {}), ...Object.keys(current.properties ?? {})])
  return [...names].flatMap((name) => compareField(name, old, current, `${what} ${name}`))
}

function compareField(name: string, before: ObjectSchema, after: ObjectSchema, what: string): Change[] {
  const [old, current] = [before.properties?.[name], after.properties?.[name]]
  const describe = (schema: ObjectSchema) => (isRequired(name, schema) ? 'required' : 'optional')
  if (old === undefined) return [{ what, before: 'absent', after: describe(after) }]
  if (current === undefined) return [{ what, before: describe(before), after: 'absent' }]
  const changes: Change[] = []
  if (isRequired(name, before) !== isRequired(name, after))
    changes.push({ what, before: describe(before), after: describe(after) })
  const types = [simplify(old), simplify(current)]
  if (!isDeepStrictEqual(...(types as [unknown, unknown])))
    changes.push({ what, before: JSON.stringify(types[0]), after: JSON.stringify(types[1]) })
  if (old.description !== current.description) changes.push({ what: what })
  return changes
}

/** A field with a default may be left out, even if the output side of the schema requires it. */
function isRequired(name: string, { required = [], properties }: ObjectSchema): boolean {
  return required.includes(name) && !('default' in (properties?.[name] ?? {}))
}

/** A schema without what is irrelevant, and with one way to say that a value may be null. */
function simplify(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(simplify)
  if (!isObject(node)) return node
  const { type, ...keywords } = node
  const rest = Object.fromEntries(
    Object.entries(keywords)
      .filter(([name, value]) => !IRRELEVANT.has(name) && !isImplied(name, value, node))
      .map(([name, value]) => [name, simplify(value)]),
  )
  if (Array.isArray(type)) return { anyOf: type.map((one) => ({ type: one, ...rest })) }
  return type === undefined ? rest : { type, ...rest }
}

/** Zod 4 writes the bounds of safe integers and the patterns of formats, Zod 3 neither. */
function isImplied(name: string, value: unknown, schema: Record<string, unknown>): boolean {
  if (name === 'pattern') return 'format' in schema
  return (name === 'minimum' || name === 'maximum') && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
