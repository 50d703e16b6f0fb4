import { isDeepStrictEqual } from 'node:util'
import type { CoreDescription, ToolDescription } from './describe.ts'
import { type Change, compareSchemas } from './schemas.ts'

/** What differs between the pinned version and another one. */
export interface Comparison {
  added: string[]
  removed: string[]
  /** Pairs of a removed and an added tool that look like one tool: for a person to confirm. */
  renamed: Renaming[]
  changed: { tool: string; changes: Change[] }[]
  skills: { added: string[]; removed: string[] }
  requests: { added: string[]; removed: string[] }
  surfaces: { surface: string; before: Size | undefined; after: Size | undefined }[]
}

export interface Renaming {
  former: string
  successor: string
}

export interface Size {
  tools: number
  /** Estimated at four bytes a token. */
  tokens: number
}

/** How alike two descriptions have to be, from 0 to 1, for a removed and an added tool to be taken for one. */
const LIKENESS = 0.5
export const BYTES_A_TOKEN = 4

/** Compares two versions of mcp-core. */
export function compareCores(before: CoreDescription, after: CoreDescription): Comparison {
  const tools = compareNames(Object.keys(before.tools), Object.keys(after.tools))
  const renamed = findRenamings(tools, before, after)
  const successors = new Map(renamed.map(({ former, successor }) => [former, successor]))
  const kept = Object.keys(before.tools).filter((name) => name in after.tools || successors.has(name))
  const changed = kept.map((name) => {
    const successor = successors.get(name) ?? name
    return { tool: successor, changes: compareTools(before.tools[name], after.tools[successor]) }
  })
  const surfaces = new Set([...Object.keys(before.surfaces), ...Object.keys(after.surfaces)])
  return {
    added: tools.added.filter((name) => !renamed.some(({ successor }) => successor === name)),
    removed: tools.removed.filter((name) => !successors.has(name)),
    renamed,
    changed: changed.filter(({ changes }) => changes.length > 0),
    skills: compareNames(Object.keys(before.skills), Object.keys(after.skills)),
    requests: compareNames(before.requests, after.requests),
    surfaces: [...surfaces].map((surface) => ({
      surface,
      before: measureSurface(before, surface),
      after: measureSurface(after, surface),
    })),
  }
}

function compareNames(
  before: readonly string[],
  after: readonly string[],
): { added: string[]; removed: string[] } {
  return {
    added: after.filter((name) => !before.includes(name)),
    removed: before.filter((name) => !after.includes(name)),
  }
}

function compareTools(before: ToolDescription | undefined, after: ToolDescription | undefined): Change[] {
  if (before === undefined || after === undefined) return []
  const lists = (['scopes', 'skills', 'capabilities'] as const).flatMap((field) =>
    isDeepStrictEqual([...before[field]].sort(), [...after[field]].sort())
      ? []
      : [{ what: field, before: before[field].join(' '), after: after[field].join(' ') }],
  )
  const hints = new Set([...Object.keys(before.annotations), ...Object.keys(after.annotations)])
  const annotations = [...hints].flatMap((hint) =>
    before.annotations[hint] === after.annotations[hint]
      ? []
      : [{ what: hint, before: describeHint(before, hint), after: describeHint(after, hint) }],
  )
  const description = before.description === after.description ? [] : [{ what: 'the tool' }]
  return [
    ...lists,
    ...annotations,
    ...compareSchemas(before.input, after.input, 'parameter'),
    ...compareSchemas(before.output, after.output, 'result field'),
    ...description,
  ]
}

function describeHint({ annotations }: ToolDescription, hint: string): string {
  return String(annotations[hint] ?? 'not set')
}

/** Each removed tool with the added one that it is most like. */
function findRenamings(
  { added, removed }: { added: string[]; removed: string[] },
  before: CoreDescription,
  after: CoreDescription,
): Renaming[] {
  const pairs = removed.flatMap((former) =>
    added.map((successor) => ({
      former,
      successor,
      likeness: measureLikeness(before.tools[former], after.tools[successor]),
    })),
  )
  const taken = new Set<string>()
  return pairs
    .filter(({ likeness }) => likeness >= LIKENESS)
    .sort((one, other) => other.likeness - one.likeness)
    .flatMap(({ former, successor }) => {
      if (taken.has(former) || taken.has(successor)) return []
      taken.add(former).add(successor)
      return [{ former, successor }]
    })
}

/** From 0 to 1: how many of the words of both descriptions and of the parameters of both are shared. */
function measureLikeness(one: ToolDescription | undefined, other: ToolDescription | undefined): number {
  if (one === undefined || other === undefined) return 0
  const [left, right] = [listWords(one), listWords(other)]
  const shared = [...left].filter((word) => right.has(word)).length
  return shared / Math.max(1, left.size + right.size - shared)
}

function listWords({ description, input }: ToolDescription): Set<string> {
  const parameters = Object.keys((input as { properties?: object } | null)?.properties ?? {})
  const words = description.toLowerCase().match(/[a-z]{3,}/g) ?? []
  return new Set([...words, ...parameters.map((name) => `parameter ${name}`)])
}

/** What the list of a surface costs a client that puts it into a model's context. */
function measureSurface({ surfaces, tools }: CoreDescription, surface: string): Size | undefined {
  const names = surfaces[surface]
  if (names === undefined) return undefined
  const bytes = names.reduce(
    (sum, name) => sum + JSON.stringify({ name, ...pickListed(tools[name]) }).length,
    0,
  )
  return { tools: names.length, tokens: Math.round(bytes / BYTES_A_TOKEN) }
}

function pickListed(tool: ToolDescription | undefined): object {
  const { description, input, output, annotations } = tool ?? {}
  return { description, inputSchema: input, outputSchema: output ?? undefined, annotations }
}
