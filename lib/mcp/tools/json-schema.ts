import type { McpCore } from '../core/types.ts'

/** What holds values and no schemas (JSON Schema Validation §6.1, §9). */
const VALUES = ['default', 'enum', 'const', 'examples']

/**
 * The JSON Schema 2020-12 of an object, as `tools/list` shows it. It is the input side of a schema, for results as
 * well: the output side forbids what it does not name, and clients that check results would refuse one with a field
 * more.
 */
export function toJsonSchema(
  { z }: Pick<McpCore, 'z'>,
  schema: object,
): { type: 'object'; [keyword: string]: unknown } {
  const { $schema: _, ...keywords } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: 'input',
    unrepresentable: 'any',
  })
  return { ...(splitTypes(keywords) as object), type: 'object' }
}

/** Writes a list of types as `anyOf`, which means the same: strict clients warn of a `type` that is a list. */
function splitTypes(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(splitTypes)
  if (typeof node !== 'object' || node === null) return node
  const { type, ...keywords } = node as Record<string, unknown>
  const split = Object.fromEntries(
    Object.entries(keywords).map(([name, value]) => [
      name,
      VALUES.includes(name) ? value : splitTypes(value),
    ]),
  )
  if (Array.isArray(type)) return { ...split, anyOf: type.map((one) => ({ type: one })) }
  return type === undefined ? split : { type: splitTypes(type), ...split }
}
