import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import { loadMcpCore } from '../../../../lib/mcp/core/load.ts'
import {
  type Authority,
  CATALOGUE_TOOLS,
  createToolPolicy,
  UnknownToolError,
  WORK_OF_OTHERS,
} from '../../../../lib/mcp/tools/policy.ts'
import { DEFAULT_SCOPES } from '../../../sandbox/sentry/server.ts'
import { createSettings, EVERY_SKILL, startMcp } from '../../../support/mcp-service.ts'

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
  t.same(decisionOn('search_issues', {}), { decision: 'disabled' })
})

test('the standard surface lists in the order of its documentation', async (t) => {
  const { sortNames } = createPolicy({})
  t.same(sortNames(['execute_sentry_tool', 'whoami', 'get_doc']), [
    'whoami',
    'get_doc',
    'execute_sentry_tool',
  ])
})

test('TOOL_SURFACE=compact lists the tools that Sentry’s own server lists, full lists all', async (t) => {
  const compact = listed({ TOOL_SURFACE: 'compact' }, { hasAgentProvider: true })
  t.same(compact.sort(), [...core.TOP_LEVEL_TOOL_NAMES].sort())
  t.same(listed({ TOOL_SURFACE: 'full' }, { hasAgentProvider: true }), names)
})

test('the tools of a skill are counted as they would be granted: once under all their names, and without those that only call others', async (t) => {
  const { countTools, decide } = createPolicy({})
  for (const skill of EVERY_SKILL) {
    const { all, writing } = countTools(skill, {})
    const granted = names.filter((name) => {
      const { decision } = decide(name, { ...everything(), skills: new Set([skill]) })
      return decision === 'listed' || decision === 'available'
    })
    const own = granted.filter((name) => !CATALOGUE_TOOLS.includes(name))
    const handlers = new Set(own.map((name) => core.tools[name]?.handler))
    t.equal(all, handlers.size, skill)
    t.ok(writing < all && writing > 0, `${skill}: ${writing} of ${all}`)
  }
  const readOnly = createPolicy({ READ_ONLY: 'true' }).countTools('triage', {})
  t.equal(readOnly.writing, 0)
  t.ok(readOnly.all > 0)
  const project = { organizationSlug: 'acme', projectSlug: 'shop' }
  t.ok(countTools('inspect', project).all < countTools('inspect', {}).all, 'a project has fewer')
  t.same(countTools('no-such-skill', {}), { all: 0, writing: 0 })
})

test('a tool that is not listed is available', async (t) => {
  t.same(decisionOn('get_release_details', {}), { decision: 'available' })
  t.same(decisionOn('whoami', { TOOL_SURFACE: 'compact' }), { decision: 'available' })
})

test('READ_ONLY leaves only tools that change nothing, and the two that call others', async (t) => {
  const policy = createPolicy({ READ_ONLY: 'true', TOOL_SURFACE: 'full' }, { hasAgentProvider: true })
  const left = names.filter((name) => policy.decide(name, everything()).decision === 'listed')
  const changing = left.filter((name) => !core.tools[name]?.annotations.readOnlyHint)
  t.same(changing, ['execute_sentry_tool'])
  t.ok(left.includes('search_sentry_tools'))
  t.same(policy.decide('update_issue', everything()), { decision: 'disabled' })
  t.same(policy.decide('analyze_issue_with_seer', everything()), { decision: 'disabled' })
})

test('DISABLED_TOOLS disables a tool together with its alias', async (t) => {
  const settings = { DISABLED_TOOLS: 'whoami,get_agent_conversation_details' }
  for (const name of ['whoami', 'get_agent_conversation_details', 'get_ai_conversation_details']) {
    t.same(decisionOn(name, settings), { decision: 'disabled' }, name)
  }
})

test('an unknown name in DISABLED_TOOLS is refused, since a misspelled tool would stay on', async (t) => {
  t.throws(() => createPolicy({ DISABLED_TOOLS: 'whoami,update_isue' }), UnknownToolError)
  t.throws(() => createPolicy({ DISABLED_TOOLS: 'update_isue' }), { message: /there is no update_isue\.$/ })
  t.doesNotThrow(() => createPolicy({ DISABLED_TOOLS: 'use_sentry' }))
})

test('DISABLED_SKILLS disables, for every user, the tools that have no other skill', async (t) => {
  t.same(decisionOn('analyze_issue_with_seer', { DISABLED_SKILLS: 'seer' }), { decision: 'disabled' })
  t.same(decisionOn('get_issue_details', { DISABLED_SKILLS: 'seer' }), { decision: 'listed' })
  t.same(
    [...createPolicy({ DISABLED_SKILLS: 'seer' }).filterSkills([...EVERY_SKILL, 'docs'])],
    ['inspect', 'triage', 'project-management'],
  )
})

test('a tool needs one of its skills, which the user could still grant', async (t) => {
  const triage = { ...everything(), skills: new Set(['triage']) }
  const policy = createPolicy({})
  t.same(policy.decide('update_issue', triage), { decision: 'listed' })
  t.same(policy.decide('create_team', triage), {
    decision: 'not_granted',
    scope: [],
    skills: ['project-management'],
  })
  t.same(policy.decide('whoami', { ...everything(), skills: new Set() }).decision, 'not_granted')
})

test('a tool needs all its Sentry scopes; a higher level covers a lower one', async (t) => {
  const policy = createPolicy({})
  const decide = (name: string, ...scope: string[]) =>
    policy.decide(name, { ...everything(), scope: new Set(scope) })
  t.same(decide('get_issue_details', 'event:read'), { decision: 'listed' })
  t.same(decide('get_issue_details', 'event:write'), { decision: 'listed' })
  t.same(decide('get_issue_details', 'event:admin'), { decision: 'listed' })
  t.same(decide('update_issue', 'event:read').decision, 'not_granted')
  t.same(decide('whoami'), { decision: 'listed' })
  t.same(decide('find_organizations', 'org-read', 'organization:read').decision, 'not_granted')
})

test('a missing scope is reported as one of SENTRY_SCOPES, without which the tool is disabled', async (t) => {
  const nothing = { ...everything(), scope: new Set<string>() }
  t.same(createPolicy({}).decide('get_issue_details', nothing), {
    decision: 'not_granted',
    scope: ['event:write'],
    skills: [],
  })
  t.same(createPolicy({ SENTRY_SCOPES: 'org:read' }).decide('update_issue', nothing), {
    decision: 'disabled',
  })
})

test('constraints disable the tools that they rule out', async (t) => {
  const organization = { ...everything(), constraints: { organizationSlug: 'acme' } }
  const project = { ...everything(), constraints: { organizationSlug: 'acme', projectSlug: 'shop' } }
  const policy = createPolicy({})
  t.same(policy.decide('find_organizations', organization), { decision: 'disabled' })
  t.same(policy.decide('find_projects', organization), { decision: 'listed' })
  t.same(policy.decide('find_projects', project), { decision: 'disabled' })
  t.same(policy.decide('create_project', project), { decision: 'disabled' })
  const silent = { ...project.constraints, projectCapabilities: { traces: false, replays: true } }
  t.same(policy.decide('get_trace_details', { ...project, constraints: silent }), { decision: 'disabled' })
  t.same(policy.decide('get_replay_details', { ...project, constraints: silent }), { decision: 'available' })
})

test('prototype keys are not tools', async (t) => {
  for (const name of ['constructor', '__proto__', 'toString', '']) {
    t.same(decisionOn(name, {}), { decision: 'unknown' }, name)
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

function everything(): Authority {
  return { scope: new Set(DEFAULT_SCOPES), skills: new Set(EVERY_SKILL), constraints: {} }
}

function listed(settings: Record<string, string>, options?: { hasAgentProvider: boolean }): string[] {
  const policy = createPolicy(settings, options)
  return names.filter((name) => policy.decide(name, everything()).decision === 'listed')
}

function decisionOn(name: string, settings: Record<string, string>) {
  return createPolicy(settings).decide(name, everything())
}

test('a tool whose whole work is another tool goes with it', async (t) => {
  const program = await readFile(new URL(import.meta.resolve('@sentry/mcp-core')), 'utf8')
  const found = program.matchAll(
    /name: "(\w+)",(?:(?!defineTool\().)*?async handler\(params, context\$1\) \{\s*return (\w+)_default\.handler\(params, context\$1\);/gs,
  )
  t.same(Object.fromEntries([...found].map(([, name, other]) => [name, other])), WORK_OF_OTHERS)
  const service = await startMcp(t, {
    settings: { DISABLED_TOOLS: 'get_trace_details', TOOL_SURFACE: 'full' },
  })
  const names = await service.list()
  t.notOk(names.includes('get_span_details'))
  t.ok(names.includes('get_replay_details'))
})
