import type { McpCore, SentryTool, ToolAnnotations, ToolContext } from '../core/types.ts'
import { EXECUTE_TOOL, hintReading } from './gateways.ts'
import { type ObjectSchema, type PlainSchema, toPlainSchema } from './schema.ts'

/** The longest description of a tool, in characters: OpenAI's API refuses longer ones. */
const MAX_DESCRIPTION = 1024

/** A tool as `tools/list` shows it; the schemas are JSON Schema 2020-12. */
export interface ListedTool {
  name: string
  title: string
  description: string
  inputSchema: ObjectSchema
  outputSchema?: ObjectSchema
  annotations: ToolAnnotations & { title: string }
  /** Hints for certain clients. */
  _meta?: Record<string, unknown>
}

/**
 * Describes a tool for a model. A description of more than `MAX_DESCRIPTION` characters is shortened: what is taken out
 * moves to the descriptions of the parameters that it is about.
 */
export function describeTool(
  core: McpCore,
  tool: SentryTool,
  context: Pick<ToolContext, 'availableToolNames' | 'directToolNames' | 'constraints'>,
): ListedTool {
  const { name, annotations, outputSchema } = tool
  const text =
    typeof tool.description === 'string'
      ? tool.description
      : tool.description({ ...context, experimentalMode: false })
  const schema = toPlainSchema(core, core.z.object(core.getFilteredInputSchema(tool, context)))
  const { description, moved } = shorten(name, text, Object.keys(schema.properties ?? {}))
  const title = writeTitle(name)
  const described = {
    name,
    title,
    description,
    inputSchema: addToParameters(schema, moved),
    ...(outputSchema === undefined ? {} : { outputSchema: toPlainSchema(core, outputSchema) }),
    annotations: { title, ...annotations },
  }
  return name === EXECUTE_TOOL ? described : hintReading(described, core.tools, context)
}

const SPELLINGS: Readonly<Record<string, string>> = {
  whoami: 'Who am I',
  ai: 'AI',
  dsn: 'DSN',
  dsns: 'DSNs',
  sentry: 'Sentry',
  seer: 'Seer',
}

/** A tool's name in words. */
function writeTitle(name: string): string {
  const text = name
    .split('_')
    .map((word) => SPELLINGS[word] ?? word)
    .join(' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A part of a description that can be moved: an example, a hint, a list or a paragraph. */
interface Part {
  text: string
  kind: 'example' | 'hint' | 'paragraph'
}

interface Shortened {
  description: string
  /** The texts that were taken out, by parameter. */
  moved: ReadonlyMap<string, string[]>
}

function shorten(tool: string, text: string, parameters: readonly string[]): Shortened {
  const moved = new Map<string, string[]>()
  if (text.length <= MAX_DESCRIPTION || parameters.length === 0) {
    return { description: text.slice(0, MAX_DESCRIPTION), moved }
  }
  const fallback =
    parameters.find((name) => !/^(organizationSlug|regionUrl)$/.test(name)) ?? parameters[0] ?? ''
  const parts = splitDescription(tool, text)
  const kept = new Set(parts)
  for (const part of listMovable(parts, parameters)) {
    if (writeDescription(parts, kept).length <= MAX_DESCRIPTION) break
    kept.delete(part)
  }
  for (const part of parts.filter((one) => !kept.has(one))) {
    const parameter = findParameter(part, parameters) ?? fallback
    moved.set(parameter, [...(moved.get(parameter) ?? []), part.text])
  }
  return { description: writeDescription(parts, kept).slice(0, MAX_DESCRIPTION), moved }
}

/** The parts in the order in which they are moved: those that a parameter's description can say best come first. */
function listMovable(parts: readonly Part[], parameters: readonly string[]): Part[] {
  const [, ...examples] = parts.filter(({ kind }) => kind === 'example')
  const hints = parts.filter(({ kind }) => kind === 'hint')
  const [, ...paragraphs] = parts.filter(({ kind }) => kind === 'paragraph')
  const isOfParameter = (part: Part) => findParameter(part, parameters) !== undefined
  return [
    ...examples.toReversed(),
    ...hints.filter(isOfParameter).toReversed(),
    ...paragraphs.filter(isOfParameter).toReversed(),
    ...hints.toReversed(),
    ...paragraphs.toReversed(),
    ...parts.filter(({ kind }) => kind === 'example'),
  ]
}

/** The parameter that a part is about; an example is about the last of its arguments. */
function findParameter({ text, kind }: Part, parameters: readonly string[]): string | undefined {
  const named = parameters
    .map((name) => ({ name, at: text.search(new RegExp(`\\b${name}\\b`)) }))
    .filter(({ at }) => at !== -1)
    .sort((left, right) => left.at - right.at)
  if (named.length > 0) return kind === 'example' ? named.at(-1)?.name : named[0]?.name
  // A list is headed by what it lists: "Common tag keys:" is about `tagKey`.
  const head = (text.split('\n')[0] ?? '').toLowerCase().replaceAll(/[^a-z]/g, '')
  return kind === 'paragraph' ? parameters.find((name) => head.includes(name.toLowerCase())) : undefined
}

function splitDescription(tool: string, text: string): Part[] {
  const parts: Part[] = []
  const sections = text.split(/<(examples|hints)>\n?([\s\S]*?)<\/\1>/)
  for (let index = 0; index < sections.length; index += 3) {
    const [plain = '', tag, body = ''] = sections.slice(index, index + 3)
    const paragraphs = plain.split(/\n{2,}/).map((paragraph) => paragraph.trim())
    parts.push(
      ...paragraphs.filter(Boolean).map((paragraph) => ({ text: paragraph, kind: 'paragraph' as const })),
    )
    if (tag === 'examples') {
      parts.push(...splitExamples(tool, body).map((example) => ({ text: example, kind: 'example' as const })))
    } else if (tag === 'hints') {
      const hints = body.split('\n').map((line) => line.trim())
      parts.push(...hints.filter(Boolean).map((hint) => ({ text: hint, kind: 'hint' as const })))
    }
  }
  return parts
}

/** The calls in a section of examples, each with the heading above it and on one line. */
function splitExamples(tool: string, text: string): string[] {
  const examples: string[] = []
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('```')) continue
    const last = examples.at(-1)
    const isHeading = last?.endsWith(':') === true && !last.includes(`${tool}(`)
    const begins = line.startsWith('#') || (line.startsWith(`${tool}(`) && !isHeading)
    if (begins || last === undefined) examples.push(line.replace(/^#+\s*(.*?):?$/, '$1:'))
    else
      examples[examples.length - 1] =
        /:$/.test(last) || !/[(,]$/.test(last) ? `${last} ${line}` : `${last}${line}`
  }
  return examples
}

function writeDescription(parts: readonly Part[], kept: ReadonlySet<Part>): string {
  const select = (kind: Part['kind']) =>
    parts.filter((part) => part.kind === kind && kept.has(part)).map(({ text }) => text)
  const [examples, hints] = [select('example'), select('hint')]
  return [
    ...select('paragraph'),
    ...(examples.length > 0 ? [`<examples>\n${examples.join('\n')}\n</examples>`] : []),
    ...(hints.length > 0 ? [`<hints>\n${hints.join('\n')}\n</hints>`] : []),
  ].join('\n\n')
}

function addToParameters(schema: ObjectSchema, moved: Shortened['moved']): ObjectSchema {
  if (moved.size === 0) return schema
  const properties = Object.entries(schema.properties ?? {}).map(
    ([name, property]): [string, PlainSchema] => {
      const texts = moved.get(name)
      return [name, texts === undefined ? property : addDescription(property, texts.join('\n'))]
    },
  )
  return { ...schema, properties: Object.fromEntries(properties) }
}

/** `anyOf` has no description beside it, so its first alternative gets it. */
function addDescription(schema: PlainSchema, text: string): PlainSchema {
  const [first, ...others] = schema.anyOf ?? []
  if (first !== undefined) return { anyOf: [addDescription(first, text), ...others] }
  return { ...schema, description: [schema.description, text].filter(Boolean).join('\n') }
}
