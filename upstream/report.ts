import type { RouteRule } from '../test/sandbox/sentry/releases.ts'
import type { Comparison, Size } from './compare.ts'
import type { CoreDescription } from './describe.ts'
import type { Change } from './schemas.ts'

/** The comparison as text, for a person who decides about an update. Parts without a difference say so. */
export function formatReport(
  before: CoreDescription,
  after: CoreDescription,
  comparison: Comparison,
  rules: readonly RouteRule[],
): string {
  const { added, removed, renamed, changed, skills, requests, surfaces } = comparison
  const sections: [string, string[]][] = [
    ['Shape', [`the service ${describeShape(after)}`]],
    ['Tools added', added.map((name) => `${name}${describeNeeds(after, name)}`)],
    ['Tools removed', removed],
    ['Tools renamed (to be confirmed)', renamed.map(({ former, successor }) => `${former} → ${successor}`)],
    ['Tools changed', changed.flatMap(({ tool, changes }) => [tool, ...formatChanges(changes)])],
    ['Skills', [...skills.added.map((id) => `+ ${id}`), ...skills.removed.map((id) => `- ${id}`)]],
    [
      'Requests to Sentry',
      [
        ...requests.added.map((request) => `+ ${request}  ${describeRule(request, rules)}`),
        ...requests.removed.map((request) => `- ${request}`),
      ],
    ],
    [
      'Surfaces, tools and estimated tokens',
      surfaces.map((one) => `${one.surface}: ${formatSize(one.before)} → ${formatSize(one.after)}`),
    ],
  ]
  const texts = sections.map(([heading, lines]) =>
    [heading, ...(lines.length === 0 ? ['no difference'] : lines).map((line) => `  ${line}`)].join('\n'),
  )
  return [`mcp-core ${before.version} → ${after.version}`, ...texts].join('\n\n')
}

/** The rule of the table of releases that a request falls under; undefined if the table has none. */
export function findRule(request: string, rules: readonly RouteRule[]): RouteRule | undefined {
  const path = request.replaceAll('{}', ':')
  return rules.find(({ route }) => {
    const wanted = route.replaceAll(/:\w+/g, ':')
    return wanted.endsWith('*') ? path.startsWith(wanted.slice(0, -1)) : path === wanted
  })
}

function describeShape({ shapeError }: CoreDescription): string {
  return shapeError === undefined ? 'can load it' : `cannot load it: ${shapeError}`
}

function describeNeeds({ tools }: CoreDescription, name: string): string {
  const { scopes = [], skills = [], annotations = {} } = tools[name] ?? {}
  const kind = annotations.readOnlyHint === true ? 'reads' : 'writes'
  return ` (${kind}; scopes ${scopes.join(' ') || 'none'}; skills ${skills.join(' ') || 'none'})`
}

function describeRule(request: string, rules: readonly RouteRule[]): string {
  const rule = findRule(request, rules)
  if (rule === undefined) return '(not in the table of releases: find out which ones have it)'
  const { since, feature } = rule
  return `(since ${since ?? 'always'}${feature === undefined ? '' : `, with ${feature}`})`
}

function formatChanges(changes: readonly Change[]): string[] {
  const worded = changes.filter(({ before }) => before === undefined).map(({ what }) => what)
  const lines = changes
    .filter(({ before }) => before !== undefined)
    .map(({ what, before, after }) => `  ${what}: ${before || 'none'} → ${after || 'none'}`)
  return worded.length === 0 ? lines : [...lines, `  descriptions: ${worded.join(', ')}`]
}

function formatSize(size: Size | undefined): string {
  return size === undefined ? 'absent' : `${size.tools} tools, ${size.tokens} tokens`
}
