import { test } from 'tap'
import { findCurrentName, selectFormerNames } from '../../../../lib/mcp/tools/former-names.ts'
import { UnknownToolError } from '../../../../lib/mcp/tools/policy.ts'
import { startMcp } from '../../../support/mcp-service.ts'

const ENTRIES = [
  { former: 'get_issue', successor: 'get_issue_details', since: '0.2.0' },
  { former: 'list_issues', successor: 'find_issues', since: '0.2.0' },
  { former: 'find_issues', successor: 'search_issues', since: '0.2.1' },
  { former: 'whoami', successor: 'get_user', since: '0.2.0' },
  { former: 'lost', successor: 'gone', since: '0.2.0' },
  { former: 'round', successor: 'about', since: '0.2.0' },
  { former: 'about', successor: 'round', since: '0.2.0' },
]
const TOOLS = new Set(['get_issue_details', 'search_issues', 'whoami', 'get_user'])
const names = selectFormerNames(ENTRIES, '0.2.4')

test('a former name leads to its successor, over two renamings if need be', (t) => {
  t.equal(findCurrentName('get_issue', TOOLS, names), 'get_issue_details')
  t.equal(findCurrentName('list_issues', TOOLS, names), 'search_issues')
  t.end()
})

test('a name that a tool has is that tool, even if another tool had the name before', (t) => {
  t.equal(findCurrentName('whoami', TOOLS, names), 'whoami')
  t.end()
})

test('an unknown name stays unknown: no tool of the language, no lost successor, no circle', (t) => {
  for (const name of ['no_such_tool', 'lost', 'round', '__proto__', 'constructor', ''])
    t.equal(findCurrentName(name, TOOLS, names), name)
  t.end()
})

test('a former name holds for one release, the line of versions that began with its successor', (t) => {
  for (const version of ['0.2.0', '0.2.9', '0.2.10-rc.1'])
    t.equal(selectFormerNames(ENTRIES, version).get('get_issue'), 'get_issue_details', version)
  for (const version of ['0.1.9', '0.3.0', '1.2.0', '0.20.0'])
    t.notOk(selectFormerNames(ENTRIES, version).has('get_issue'), version)
  t.end()
})

const FORMER = new Map([
  ['get_me', 'whoami'],
  ['read_release', 'get_release_details'],
  ['change_issue', 'update_issue'],
])

test('a call by a former name is a call of its successor, which alone is listed', async (t) => {
  const mcp = await startMcp(t, { formerNames: FORMER })
  const result = await mcp.call('get_me')
  t.notOk(result.isError)
  t.same(result, await mcp.call('whoami'))
  const list = await mcp.list()
  t.ok(list.includes('whoami'))
  t.notOk(list.includes('get_me'))
})

test('a gateway executes the successor of a former name', async (t) => {
  const mcp = await startMcp(t, { formerNames: FORMER })
  const args = { organizationSlug: 'no-such-organization', releaseVersion: '1' }
  for (const gateway of ['execute_sentry_tool', 'read_sentry_tool']) {
    const [former, current] = await Promise.all(
      ['read_release', 'get_release_details'].map((name) => mcp.call(gateway, { name, arguments: args })),
    )
    t.notMatch(former?.content[0]?.text, /not available|unknown tool/i)
    t.equal(former?.content[0]?.text.split('\n')[0], current?.content[0]?.text.split('\n')[0])
  }
})

test('a tool that the user has not allowed is explained under its name of today', async (t) => {
  const mcp = await startMcp(t, { formerNames: FORMER })
  mcp.addCaller('reader', { skills: new Set(['inspect']) })
  const result = await mcp.call('change_issue', {}, { caller: 'reader' })
  t.match(result, { isError: true, content: [{ text: /The tool update_issue needs the skill/ }] })
})

test('a former name in DISABLED_TOOLS disables the successor; an unknown one still stops the start', async (t) => {
  const mcp = await startMcp(t, { formerNames: FORMER, settings: { DISABLED_TOOLS: 'get_me' } })
  t.notOk((await mcp.list()).includes('whoami'))
  for (const name of ['get_me', 'whoami']) {
    const response = await mcp.post({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name, arguments: {} },
    })
    t.match(await response.json(), { error: { code: -32602, message: /Unknown tool/ } }, name)
  }
  const settings = { DISABLED_TOOLS: 'get_me,get_mee' }
  await t.rejects(startMcp(t, { formerNames: FORMER, settings }), UnknownToolError)
})
