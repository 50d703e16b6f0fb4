import { test } from 'tap'
import { compareCores } from '../../upstream/compare.ts'
import type { CoreDescription, ToolDescription } from '../../upstream/describe.ts'
import { updateFormerNames } from '../../upstream/former-names.ts'
import { findRule, formatReport } from '../../upstream/report.ts'

function describeTool(changes: Partial<ToolDescription> = {}): ToolDescription {
  const query = { type: 'string', description: 'What to look for.' }
  return {
    description: 'Find the releases of an organization by their names.',
    skills: ['inspect'],
    scopes: ['project:read'],
    capabilities: [],
    annotations: { readOnlyHint: true },
    input: { type: 'object', properties: { query }, required: ['query'] },
    output: null,
    ...changes,
  }
}

function describeCore(
  tools: Record<string, ToolDescription>,
  changes: Partial<CoreDescription> = {},
): CoreDescription {
  return {
    version: '0.40.0',
    tools,
    skills: { inspect: 'Inspect' },
    surfaces: { full: Object.keys(tools) },
    requests: ['GET /organizations/{}/releases/'],
    ...changes,
  }
}

const BEFORE = describeCore({
  find_releases: describeTool(),
  whoami: describeTool({ description: 'Who am I?' }),
})

test('two descriptions of one version have no difference', (t) => {
  const { surfaces, ...others } = compareCores(BEFORE, structuredClone(BEFORE))
  t.same(others, {
    added: [],
    removed: [],
    renamed: [],
    changed: [],
    skills: { added: [], removed: [] },
    requests: { added: [], removed: [] },
  })
  t.same(surfaces[0]?.before, surfaces[0]?.after)
  t.end()
})

test('tools, skills and requests that came and went are named, and what a surface costs', (t) => {
  const after = describeCore(
    { find_releases: describeTool(), delete_project: describeTool({ description: 'Remove it for good.' }) },
    { skills: { triage: 'Triage' }, requests: ['DELETE /projects/{}/{}/'] },
  )
  const comparison = compareCores(BEFORE, after)
  t.match(comparison, {
    added: ['delete_project'],
    removed: ['whoami'],
    renamed: [],
    skills: { added: ['triage'], removed: ['inspect'] },
    requests: { added: ['DELETE /projects/{}/{}/'], removed: ['GET /organizations/{}/releases/'] },
  })
  const [full] = comparison.surfaces
  t.equal(full?.before?.tools, 2)
  t.ok(Number(full?.after?.tokens) > Number(full?.before?.tokens))
  t.end()
})

test('a removed and an added tool that say the same are one tool with a new name, and its changes are told', (t) => {
  const renamed = describeTool({ scopes: ['project:read', 'org:read'] })
  const { whoami = describeTool() } = BEFORE.tools
  const comparison = compareCores(BEFORE, describeCore({ search_releases: renamed, whoami }))
  t.same(comparison.renamed, [{ former: 'find_releases', successor: 'search_releases' }])
  t.same([comparison.added, comparison.removed], [[], []])
  t.same(comparison.changed, [
    {
      tool: 'search_releases',
      changes: [{ what: 'scopes', before: 'project:read', after: 'project:read org:read' }],
    },
  ])
  t.end()
})

test('a tool that writes where it read, a parameter that is required, gone, or of another type is told', (t) => {
  const input = (properties: object, required: string[]) => ({ type: 'object', properties, required })
  const before = describeTool({
    input: input({ a: { type: 'string' }, b: { type: 'string' }, c: {} }, ['b']),
  })
  const after = describeTool({
    annotations: { readOnlyHint: false, destructiveHint: true },
    input: input({ a: { type: 'string' }, b: { type: 'number' }, d: {} }, ['a', 'b', 'd']),
    output: input({}, []),
  })
  const { changed } = compareCores(describeCore({ tool: before }), describeCore({ tool: after }))
  t.same(changed[0]?.changes, [
    { what: 'readOnlyHint', before: 'true', after: 'false' },
    { what: 'destructiveHint', before: 'not set', after: 'true' },
    { what: 'parameter a', before: 'optional', after: 'required' },
    { what: 'parameter b', before: '{"type":"string"}', after: '{"type":"number"}' },
    { what: 'parameter c', before: 'optional', after: 'absent' },
    { what: 'parameter d', before: 'absent', after: 'required' },
    { what: 'result fields', before: 'not described', after: 'described' },
  ])
  t.end()
})

test('two ways to write one JSON Schema do not count as a difference', (t) => {
  const describe = (field: object) =>
    describeCore({
      tool: describeTool({ input: { type: 'object', properties: { field }, required: ['field'] } }),
    })
  const zod3 = describe({ type: ['integer', 'null'], default: null })
  const zod4 = describe({
    anyOf: [{ type: 'integer', maximum: Number.MAX_SAFE_INTEGER }, { type: 'null' }],
    default: null,
  })
  t.same(compareCores(zod3, zod4).changed, [])
  t.end()
})

test('a new request is told with the release that has it, by the table of releases', (t) => {
  const rules = [
    { route: 'GET /organizations/:organization/uptime/', since: '25.1.0' },
    { route: 'GET /organizations/:organization/agents/*', since: '26.8.0' },
  ]
  t.equal(findRule('GET /organizations/{}/uptime/', rules), rules[0])
  t.equal(findRule('GET /organizations/{}/agents/conversations/{}/', rules), rules[1])
  t.equal(findRule('POST /organizations/{}/uptime/', rules), undefined)
  const after = describeCore(BEFORE.tools, {
    requests: [...BEFORE.requests, 'GET /organizations/{}/uptime/', 'GET /new/'],
    shapeError: 'no export',
  })
  const text = formatReport(BEFORE, after, compareCores(BEFORE, after), rules)
  t.match(text, '+ GET /organizations/{}/uptime/  (since 25.1.0)')
  t.match(text, '+ GET /new/  (not in the table of releases')
  t.match(text, 'the service cannot load it: no export')
  t.end()
})

test('the table of former names takes new renamings and loses those of older lines of releases', (t) => {
  const table = [
    { former: 'a', successor: 'b', since: '0.2.0' },
    { former: 'c', successor: 'd', since: '0.3.0' },
  ]
  const renamed = [
    { former: 'c', successor: 'd' },
    { former: 'e', successor: 'f' },
  ]
  t.same(updateFormerNames(table, renamed, { since: '0.4.0', version: '0.3.2' }), [
    { former: 'c', successor: 'd', since: '0.3.0' },
    { former: 'e', successor: 'f', since: '0.4.0' },
  ])
  t.end()
})
