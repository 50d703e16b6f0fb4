import { test } from 'tap'
import { loadMcpCore } from '../../../../lib/mcp/core/load.ts'
import { createToolPolicy, type Entitlement, UnknownToolError } from '../../../../lib/mcp/tools/policy.ts'
import { DEFAULT_SCOPES } from '../../../sandbox/sentry/server.ts'
import { createSettings, EVERY_SKILL } from '../../../support/mcp-service.ts'

const core = await loadMcpCore()
const names = Object.keys(core.tools)

const WITHOUT_AI = [
  ...['whoami', 'find_organizations', 'find_teams', 'find_projects', 'find_releases', 'find_dsns'],
  ...['get_issue_details', 'get_trace_details', 'get_event_attachment', 'update_issue', 'create_team'],
  ...['create_project', 'update_project', 'create_dsn', 'search_docs', 'get_doc', 'analyze_issue_with_seer'],
  ...['get_sentry_resource', 'search_sentry_tools', 'execute_sentry_tool'],
]
const SEARCH = ['search_events', 'search_issues', 'search_issue_events']

test('TOOL_SURFACE=standard lists the 20 tools that need no AI provider', async (t) => {
  t.same(listed({}).sort(), WITHOUT_AI.toSorted())
})

test('an AI provider, or DIRECT_SEARCH=true, adds the three search tools', async (t) => {
  const expected = [...WITHOUT_AI, ...SEARCH].sort()
  t.same(listed({}, { hasAgentProvider: true }).sort(), expected)
  t.same(listed({ DIRECT_SEARCH: 'true' }).sort(), expected)
  t.same(verdictsOf('search_issues', {}), { verdict: 'withdrawn' })
})

test('the standard surface lists in the order of its documentation', async (t) => {
  const { sortNames } = createPolicy({})
  t.same(sortNames(['execute_sentry_tool', 'whoami', 'get_doc']), [
    'whoami',
    'get_doc',
    'execute_sentry_tool',
  ])
})

test('TOOL_SURFACE=compact lists what Sentry’s own server lists, full everything', async (t) => {
  const compact = listed({ TOOL_SURFACE: 'compact' }, { hasAgentProvider: true })
  t.same(compact.sort(), [...core.TOP_LEVEL_TOOL_NAMES].sort())
  t.same(listed({ TOOL_SURFACE: 'full' }, { hasAgentProvider: true }), names)
})

test('what is not listed can be reached all the same', async (t) => {
  t.same(verdictsOf('get_release_details', {}), { verdict: 'reachable' })
  t.same(verdictsOf('whoami', { TOOL_SURFACE: 'compact' }), { verdict: 'reachable' })
})

test('READ_ONLY leaves only tools that change nothing, and the two that lead to others', async (t) => {
  const policy = createPolicy({ READ_ONLY: 'true', TOOL_SURFACE: 'full' }, { hasAgentProvider: true })
  const left = names.filter((name) => policy.judge(name, everything()).verdict === 'listed')
  const changing = left.filter((name) => !core.tools[name]?.annotations.readOnlyHint)
  t.same(changing, ['execute_sentry_tool'])
  t.ok(left.includes('search_sentry_tools'))
  t.same(policy.judge('update_issue', everything()), { verdict: 'withdrawn' })
  t.same(policy.judge('analyze_issue_with_seer', everything()), { verdict: 'withdrawn' })
})

test('DISABLED_TOOLS takes a tool away together with its alias', async (t) => {
  const settings = { DISABLED_TOOLS: 'whoami,get_agent_conversation_details' }
  for (const name of ['whoami', 'get_agent_conversation_details', 'get_ai_conversation_details']) {
    t.same(verdictsOf(name, settings), { verdict: 'withdrawn' }, name)
  }
})

test('a name in DISABLED_TOOLS that is no tool is refused, since something would stay on', async (t) => {
  t.throws(() => createPolicy({ DISABLED_TOOLS: 'whoami,update_isue' }), UnknownToolError)
  t.throws(() => createPolicy({ DISABLED_TOOLS: 'update_isue' }), { message: /there is no update_isue\.$/ })
  t.doesNotThrow(() => createPolicy({ DISABLED_TOOLS: 'use_sentry' }))
})

test('DISABLED_SKILLS counts for every user, and takes what belongs to no other skill', async (t) => {
  t.same(verdictsOf('analyze_issue_with_seer', { DISABLED_SKILLS: 'seer' }), { verdict: 'withdrawn' })
  t.same(verdictsOf('get_issue_details', { DISABLED_SKILLS: 'seer' }), { verdict: 'listed' })
  t.same(
    [...createPolicy({ DISABLED_SKILLS: 'seer' }).keepSkills([...EVERY_SKILL, 'docs'])],
    ['inspect', 'triage', 'project-management'],
  )
})

test('a tool needs one of its skills, which the user could still grant', async (t) => {
  const triage = { ...everything(), skills: new Set(['triage']) }
  const policy = createPolicy({})
  t.same(policy.judge('update_issue', triage), { verdict: 'listed' })
  t.same(policy.judge('create_team', triage), {
    verdict: 'not_granted',
    scope: [],
    skills: ['project-management'],
  })
  t.same(policy.judge('whoami', { ...everything(), skills: new Set() }).verdict, 'not_granted')
})

test('a tool needs all its Sentry scopes; a higher level covers a lower one', async (t) => {
  const policy = createPolicy({})
  const judge = (name: string, ...scope: string[]) =>
    policy.judge(name, { ...everything(), scope: new Set(scope) })
  t.same(judge('get_issue_details', 'event:read'), { verdict: 'listed' })
  t.same(judge('get_issue_details', 'event:write'), { verdict: 'listed' })
  t.same(judge('get_issue_details', 'event:admin'), { verdict: 'listed' })
  t.same(judge('update_issue', 'event:read').verdict, 'not_granted')
  t.same(judge('whoami'), { verdict: 'listed' })
  t.same(judge('find_organizations', 'org-read', 'organization:read').verdict, 'not_granted')
})

test('a scope that is lacking is named as this server may ask for it, or the tool is out of reach', async (t) => {
  const nothing = { ...everything(), scope: new Set<string>() }
  t.same(createPolicy({}).judge('get_issue_details', nothing), {
    verdict: 'not_granted',
    scope: ['event:write'],
    skills: [],
  })
  t.same(createPolicy({ SENTRY_SCOPES: 'org:read' }).judge('update_issue', nothing), { verdict: 'withdrawn' })
})

test('constraints take away what makes no sense within them', async (t) => {
  const organization = { ...everything(), constraints: { organizationSlug: 'acme' } }
  const project = { ...everything(), constraints: { organizationSlug: 'acme', projectSlug: 'shop' } }
  const policy = createPolicy({})
  t.same(policy.judge('find_organizations', organization), { verdict: 'withdrawn' })
  t.same(policy.judge('find_projects', organization), { verdict: 'listed' })
  t.same(policy.judge('find_projects', project), { verdict: 'withdrawn' })
  t.same(policy.judge('create_project', project), { verdict: 'withdrawn' })
  const silent = { ...project.constraints, projectCapabilities: { traces: false, replays: true } }
  t.same(policy.judge('get_trace_details', { ...project, constraints: silent }), { verdict: 'withdrawn' })
  t.same(policy.judge('get_replay_details', { ...project, constraints: silent }), { verdict: 'reachable' })
})

test('a name that only objects have is no tool', async (t) => {
  for (const name of ['constructor', '__proto__', 'toString', '']) {
    t.same(verdictsOf(name, {}), { verdict: 'unknown' }, name)
  }
})

function createPolicy(settings: Record<string, string>, { hasAgentProvider = false } = {}) {
  return createToolPolicy({
    core,
    tools: core.tools,
    settings: createSettings('sentry.example.com', settings),
    hasAgentProvider,
  })
}

function everything(): Entitlement {
  return { scope: new Set(DEFAULT_SCOPES), skills: new Set(EVERY_SKILL), constraints: {} }
}

function listed(settings: Record<string, string>, options?: { hasAgentProvider: boolean }): string[] {
  const policy = createPolicy(settings, options)
  return names.filter((name) => policy.judge(name, everything()).verdict === 'listed')
}

function verdictsOf(name: string, settings: Record<string, string>) {
  return createPolicy(settings).judge(name, everything())
}
