import tap, { test } from 'tap'
import type { SentryTool } from '../../../../lib/mcp/core/types.ts'
import { createToolCatalogue } from '../../../../lib/mcp/tools/catalogue.ts'
import { startAiProvider } from '../../../support/ai-provider.ts'
import { callOf, startMcp } from '../../../support/mcp-service.ts'

const provider = await startAiProvider(tap, [{ says: JSON.stringify({ result: 'done' }) }])
const service = await startMcp(tap, { settings: { ...provider.settings, TOOL_SURFACE: 'full' } })
const ISSUE = { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1' }
const RESOLVE = { ...ISSUE, status: 'resolved' }

interface Listed {
  name: string
  annotations: { readOnlyHint?: boolean }
}

async function post(query: string, body: object, path = '') {
  const response = await fetch(`${service.url}${path}${query}`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer mara',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: JSON.parse(await response.text()) }
}

async function list(query: string): Promise<Listed[]> {
  const { body } = await post(query, { jsonrpc: '2.0', id: 1, method: 'tools/list' })
  return body.result.tools
}

async function listNames(query: string): Promise<string[]> {
  return (await list(query)).map(({ name }) => name)
}

test('?readonly=1 leaves only reading, in list, call, search, execution and use_sentry', async (t) => {
  const before = service.sentry.requests.length
  for (const query of [
    '?readonly=1',
    '?readonly=true',
    '?utm_source=plugin&readonly=1',
    '?readonly=0&readonly=1',
  ]) {
    for (const { name, annotations } of await list(query))
      t.equal(annotations.readOnlyHint, true, `${query} ${name}`)
  }
  const query = '?readonly=1'
  t.match((await post(query, callOf('update_issue', RESOLVE))).body, { error: { message: /Unknown tool/ } })
  for (const gateway of ['execute_sentry_tool', 'read_sentry_tool']) {
    const call = callOf(gateway, { name: 'update_issue', arguments: RESOLVE })
    t.match((await post(query, call)).body, { result: { isError: true } }, gateway)
  }
  const { body } = await post(
    query,
    callOf('search_sentry_tools', { query: 'update issue status', limit: 20 }),
  )
  for (const found of body.result.structuredContent.results) t.ok(found.annotations.readOnlyHint, found.name)
  const asked = provider.requests.length
  await post(query, callOf('use_sentry', { request: 'resolve it' }))
  const { tools } = JSON.parse(provider.requests[asked]?.body ?? '{}') as { tools: { name: string }[] }
  t.ok(tools.length > 10)
  t.notOk(tools.some(({ name }) => /^(?:update|create|delete|add|remove)_/.test(name)))
  t.notOk(
    service.sentry.requests.slice(before).some(({ method }) => method !== 'GET'),
    'nothing was written',
  )
  t.ok((await listNames('')).includes('update_issue'), 'the address beside it is not narrowed')
})

test('?skills=, ?disable-skills= and ?tools= only narrow, also together', async (t) => {
  const all = await listNames('')
  const queries: Record<string, (name: string) => boolean> = {
    '?skills=inspect': (name) => name !== 'update_issue' && name !== 'create_team',
    '?skills=inspect,seer&skills=triage': (name) => name !== 'create_team',
    '?disable-skills=project-management,triage': (name) => name !== 'update_issue' && name !== 'create_team',
    '?skills=inspect&disable-skills=inspect': () => false,
    '?tools=whoami,find_teams': (name) => ['whoami', 'find_teams'].includes(name),
    '?tools=whoami,update_issue&readonly=1': (name) => name === 'whoami',
  }
  for (const [query, isAllowed] of Object.entries(queries)) {
    const names = await listNames(query)
    t.ok(
      names.every((name) => all.includes(name)),
      query,
    )
    t.same(
      names.filter((name) => !isAllowed(name)),
      [],
      query,
    )
  }
  t.same(await listNames('?tools=find_teams,whoami'), ['whoami', 'find_teams'])
  const foreign = callOf('execute_sentry_tool', { name: 'find_projects', arguments: ISSUE })
  t.match((await post('?tools=execute_sentry_tool,find_teams', foreign)).body, { result: { isError: true } })
  const nested = callOf('get_sentry_resource', {
    ...ISSUE,
    resourceType: 'issue',
    resourceId: 'STOREFRONT-1',
  })
  t.match((await post('?tools=get_sentry_resource', nested)).body, { result: { isError: true } })
})

test('an address never widens: neither skills nor scopes that were not granted come back', async (t) => {
  service.addCaller('mara', { skills: new Set(['inspect']), scope: new Set(['org:read', 'event:read']) })
  t.teardown(() => service.addCaller('mara'))
  const granted = await listNames('')
  for (const query of [
    '?skills=inspect,triage,seer,project-management',
    '?readonly=0',
    '?tools=update_issue,whoami',
  ]) {
    t.ok(
      (await listNames(query)).every((name) => granted.includes(name)),
      query,
    )
  }
  const refused = await post('?readonly=1', callOf('update_issue', RESOLVE))
  t.match(
    refused.body,
    { error: { message: /Unknown tool/ } },
    'and a user is not asked to grant what it leaves out',
  )
  t.equal(refused.status, 200)
})

test('an unknown name or a misspelled parameter is 400 in the JSON-RPC shape, since it would widen', async (t) => {
  const wrong = [
    '?skills=everything',
    '?skills=',
    '?skills=inspect,triag',
    '?disable-skills=docs',
    '?tools=whoami,no_such_tool',
    '?tools=',
    '?tools=__proto__',
    '?readonly=yes',
    '?readonly=',
    '?readOnly=1',
    '?read-only=1',
    '?disable_skills=triage',
    '?tool=whoami',
    '?skills[]=inspect',
  ]
  for (const query of wrong) {
    for (const path of ['', '/tidewater-books', '/tidewater-books/storefront']) {
      const { status, body } = await post(query, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, path)
      t.equal(status, 400, `${path}${query}`)
      t.match(body, { jsonrpc: '2.0', error: { code: Number, message: String }, id: null })
    }
  }
})

test('however many ways addresses narrow, the catalogue stays bounded and the others stay prepared', async (t) => {
  const { loadMcpCore } = await import('../../../../lib/mcp/core/load.ts')
  const core = await loadMcpCore()
  const names = Array.from({ length: 200 }, (_, index) => `tool_${index}`)
  let built = 0
  const tools = Object.fromEntries(
    names.map((name) => [
      name,
      {
        name,
        description: name,
        skills: ['inspect'],
        requiredScopes: [],
        inputSchema: {},
        annotations: { readOnlyHint: true },
        handler: async () => name,
      } satisfies SentryTool,
    ]),
  )
  const missing = new Set<string>()
  const policy = {
    decide: (name: string) => {
      if (name === 'tool_0') built += 1
      return { decision: 'listed' as const }
    },
    filterSkills: () => new Set<string>(),
    sortNames: () => [],
    listMissingTools: () => missing,
    isKnown: () => true,
    findCurrentName: (name: string) => name,
    countTools: () => ({ all: 0, writing: 0 }),
  }
  const catalogue = createToolCatalogue({ core, tools, policy, isCloud: false })
  const caller = { scope: new Set<string>(), skills: new Set(['inspect']), constraints: {} }
  const ordinary = catalogue.findVariant(caller)
  for (const name of names) {
    catalogue.findVariant({
      ...caller,
      narrowing: { isReadOnly: false, skills: undefined, tools: new Set([name]) },
    })
  }
  t.equal(built, 201)
  t.equal(catalogue.findVariant(caller), ordinary, 'it was not displaced')
  const narrowing = { isReadOnly: true, skills: undefined, tools: new Set(['a', 'b']) }
  const first = catalogue.findVariant({ ...caller, narrowing })
  const again = { ...narrowing, tools: new Set(['b', 'a']) }
  t.equal(catalogue.findVariant({ ...caller, narrowing: again }), first, 'the order of names does not matter')
})
