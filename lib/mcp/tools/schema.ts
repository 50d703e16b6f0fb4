import type { McpCore } from '../core/types.ts'

/** A JSON Schema 2020-12 of the common subset. */
export type PlainSchema = {
  type?: string
  description?: string
  enum?: string[]
  properties?: Record<string, PlainSchema>
  required?: string[]
  items?: PlainSchema
  anyOf?: PlainSchema[]
}

export type ObjectSchema = PlainSchema & { type: 'object' }

type Keywords = Record<string, unknown>

/**
 * Stands in for members where an object has none or any: OpenAI demands `properties`, and Gemini that they are not empty
 * (vercel/ai#3371, browser-use/browser-use#3786).
 */
export const UNUSED_MEMBER = 'unused'

const UNUSED: Readonly<Record<string, PlainSchema>> = {
  [UNUSED_MEMBER]: { type: 'string', description: 'Leave this out.' },
}

/**
 * The schema of an object as `tools/list` shows it, in the subset of JSON Schema that every vendor's tool definitions
 * take: single types, at least one of `properties`, `required`, `items`, `enum` of texts, and `anyOf` without other
 * keywords beside it.
 * OpenAI's strict mode refuses `default` and `oneOf`; Gemini refuses `propertyNames`, `const`, `additionalProperties`,
 * `exclusiveMinimum`, the format `uri`, lists of types and keywords beside `anyOf`; Claude's strict mode refuses bounds
 * (router-for-me/CLIProxyAPI#4754, tailcallhq/forgecode#3426). What a schema loses is in its description; everything that
 * is valid for mcp-core is valid for it. Results too get the input side of their schema: the output side forbids
 * additional properties, and a client that validates results would refuse them.
 */
export function toPlainSchema({ z }: McpCore, schema: object): ObjectSchema {
  const keywords = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input', unrepresentable: 'any' })
  const { description: _, ...plain } = simplify(keywords)
  return { ...plain, type: 'object' }
}

function simplify(node: unknown): PlainSchema {
  if (typeof node !== 'object' || node === null) return {}
  const keywords = node as Keywords
  const facts = describeLostFacts(keywords)
  const given = typeof keywords.description === 'string' ? keywords.description : ''
  const separator = given === '' || facts.length === 0 ? '' : /[.!?]$/.test(given) ? ' ' : '. '
  const description = `${given}${separator}${facts.join(' ')}`
  const variants = listVariants(keywords)
  if (variants !== undefined) return describeVariants(variants, description)
  const values = listTexts(keywords)
  const type = keywords.type ?? findCommonType(keywords)
  return {
    ...(typeof type === 'string' && { type }),
    ...(description !== '' && { description }),
    ...(values !== undefined && { enum: values }),
    ...simplifyObject(keywords),
    ...(keywords.type === 'array' && { items: simplifyItems(keywords) }),
  }
}

function simplifyObject({ type, properties, required }: Keywords): PlainSchema {
  if (type !== 'object') return {}
  const entries = Object.entries((properties ?? {}) as Keywords)
  const simple = entries.map(([name, property]): [string, PlainSchema] => [name, simplify(property)])
  return {
    properties: simple.length === 0 ? UNUSED : Object.fromEntries(simple),
    ...(Array.isArray(required) && required.length > 0 && { required: required as string[] }),
  }
}

/** The items of a tuple may be any of its members. */
function simplifyItems({ items, prefixItems }: Keywords): PlainSchema {
  if (!Array.isArray(prefixItems)) return simplify(items)
  const members = prefixItems.map(simplify)
  const distinct = [...new Map(members.map((member) => [JSON.stringify(member), member])).values()]
  return distinct.length === 1 ? { ...distinct[0] } : describeVariants(distinct, '')
}

/** The alternatives of a schema; undefined if it has none. */
function listVariants(keywords: Keywords): PlainSchema[] | undefined {
  const { anyOf, oneOf, type } = keywords
  const variants = [anyOf, oneOf].flat().filter((variant) => typeof variant === 'object' && variant !== null)
  if (variants.length > 0) return variants.map(simplify)
  if (!Array.isArray(type)) return undefined
  const { description: _, default: __, ...rest } = keywords
  return type.map((one) => simplify({ ...rest, type: one }))
}

/** `anyOf` stands alone, so the description goes to the first alternative that is not null. */
function describeVariants(variants: readonly PlainSchema[], description: string): PlainSchema {
  const flat = variants.flatMap((variant) => variant.anyOf ?? [variant])
  const main = flat.findIndex(({ type }) => type !== 'null')
  const described = flat.map((variant, index) => {
    const texts = [index === main ? description : '', variant.description ?? ''].filter((text) => text !== '')
    return texts.length === 0 ? variant : { ...variant, description: [...new Set(texts)].join(' ') }
  })
  const [only] = described
  return described.length === 1 && only !== undefined ? only : { anyOf: described }
}

/** The type of the values that a schema lists, if they have one. */
function findCommonType(keywords: Keywords): string | undefined {
  const values: unknown = 'const' in keywords ? [keywords.const] : keywords.enum
  if (!Array.isArray(values)) return undefined
  const types = new Set(values.map((value) => typeof value))
  const [type] = types
  return types.size === 1 && type !== 'object' ? type : undefined
}

/** The texts that a value may be; undefined where other values are possible, or an empty text, which Gemini refuses. */
function listTexts(keywords: Keywords): string[] | undefined {
  const values: unknown = 'const' in keywords ? [keywords.const] : keywords.enum
  if (!Array.isArray(values) || values.length === 0) return undefined
  return values.every((value): value is string => typeof value === 'string' && value !== '')
    ? values
    : undefined
}

/** What a description has to say since no keyword does. A pattern beside a format says the same. */
function describeLostFacts(keywords: Keywords): string[] {
  const { format, pattern, minLength, maxLength, minItems, maxItems, default: preset } = keywords
  const fixed = 'const' in keywords ? [keywords.const] : keywords.enum
  const values = Array.isArray(fixed) && listTexts(keywords) === undefined ? fixed : undefined
  const hasBound = (value: unknown): value is number =>
    typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER
  const count = (least: unknown, most: unknown, unit: string) => [
    ...(hasBound(least) && least > 1 ? [`At least ${least} ${unit}.`] : []),
    ...(hasBound(most) ? [`At most ${most} ${unit}.`] : []),
  ]
  const bounds = [
    ...(hasBound(keywords.minimum) ? [`At least ${keywords.minimum}.`] : []),
    ...(hasBound(keywords.exclusiveMinimum) ? [`More than ${keywords.exclusiveMinimum}.`] : []),
    ...(hasBound(keywords.maximum) ? [`At most ${keywords.maximum}.`] : []),
    ...(hasBound(keywords.exclusiveMaximum) ? [`Less than ${keywords.exclusiveMaximum}.`] : []),
    ...(hasBound(keywords.multipleOf) && keywords.multipleOf !== 1
      ? [`A multiple of ${keywords.multipleOf}.`]
      : []),
  ]
  return [
    ...(values === undefined ? [] : [`One of ${values.map((value) => JSON.stringify(value)).join(', ')}.`]),
    ...bounds,
    ...count(minLength, maxLength, 'characters'),
    ...count(minItems, maxItems, 'items'),
    ...(typeof format === 'string' ? [`Format: ${format}.`] : []),
    ...(typeof pattern === 'string' && format === undefined ? [`Pattern: ${pattern}`] : []),
    ...(preset === undefined || preset === null ? [] : [`Default: ${JSON.stringify(preset)}.`]),
  ]
}
