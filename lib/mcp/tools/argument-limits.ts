import { SEARCH_TOOLS } from '../core/agent-provider.ts'
import type { McpCore } from '../core/types.ts'

/** Of a string in arguments, in characters. Patterns of tools take quadratic time on some strings. */
const MAX_STRING = 8 * 1024

/** Of a text for people or models, in characters. */
const MAX_TEXT = 64 * 1024

/** Of a list, and of the members of an object. */
const MAX_ITEMS = 200

const MAX_DEPTH = 32

/** The arguments that are texts, in every tool that has them. The arguments of another tool can be JSON. */
const TEXTS = new Set(['arguments', 'body', 'instruction', 'reason', 'request', 'text'])

/** In these tools `query` may be plain language. In `search_sentry_tools` a long one takes half a second. */
const TEXT_QUERIES = new Set([...SEARCH_TOOLS, 'search_docs'])

interface Place {
  /** The names that lead to the value; an item of a list has that of the list. */
  path: readonly string[]
  /** Of lists and objects around it. */
  depth: number
  value: unknown
}

/**
 * Throws `UserInputError`, which names the argument, if arguments are larger than any tool needs. The limits apply at
 * every depth, so that arguments inside those of `execute_sentry_tool` have them too; `tool` is then the executed one.
 */
export function assertArgumentLimits(
  args: unknown,
  { tool, core }: { tool: string; core: Pick<McpCore, 'UserInputError'> },
): void {
  const pending: Place[] = [{ path: [], depth: 0, value: args }]
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    const problem = findProblem(place, tool)
    if (problem !== undefined) throw new core.UserInputError(`${describePath(place.path)} ${problem}`)
    pending.push(...listItems(place))
  }
}

function findProblem({ path, depth, value }: Place, tool: string): string | undefined {
  if (depth > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels.`
  if (typeof value === 'string') {
    const limit = isText(path.at(-1) ?? '', tool) ? MAX_TEXT : MAX_STRING
    return value.length > limit ? `has ${value.length} characters; the limit is ${limit}.` : undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const count = Array.isArray(value) ? value.length : Object.keys(value).length
  if (count > MAX_ITEMS) return `has ${count} entries; the limit is ${MAX_ITEMS}.`
  const hasLongName = !Array.isArray(value) && Object.keys(value).some(({ length }) => length > MAX_STRING)
  return hasLongName ? `has a name of more than ${MAX_STRING} characters.` : undefined
}

function isText(name: string, tool: string): boolean {
  return TEXTS.has(name) || (name === 'query' && TEXT_QUERIES.has(tool))
}

function listItems({ path, depth, value }: Place): Place[] {
  if (typeof value !== 'object' || value === null) return []
  const [inner, isList] = [depth + 1, Array.isArray(value)]
  return Object.entries(value).map(([name, item]) => ({
    path: isList ? path : [...path, name],
    depth: inner,
    value: item,
  }))
}

function describePath(path: readonly string[]): string {
  if (path.length === 0) return 'The arguments together'
  return `The argument ${path.slice(0, 4).join('.').slice(0, 200)}`
}
