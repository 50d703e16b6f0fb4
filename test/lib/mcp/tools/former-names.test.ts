import { test } from 'tap'
import { findCurrentName, selectFormerNames } from '../../../../lib/mcp/tools/former-names.ts'

const ENTRIES = [
  { former: 'get_issue', successor: 'get_issue_details', since: '0.2.0' },
  { former: 'list_issues', successor: 'find_issues', since: '0.2.0' },
  { former: 'find_issues', successor: 'search_issues', since: '0.2.1' },
  { former: 'whoami', successor: 'get_user', since: '0.2.0' },
  { former: 'lost', successor: 'gone', since: '0.2.0' },
  { former: 'round', successor: 'about', since: '0.2.0' },
  { former: 'about', successor: 'round', since: '0.2.0' },
]
const TOOLS = { get_issue_details: {}, search_issues: {}, whoami: {}, get_user: {} }
const names = selectFormerNames(ENTRIES, '0.2.4')

test('a former name leads to its successor, over two renamings if need be', (t) => {
  t.equal(findCurrentName('get_issue', TOOLS, names), 'get_issue_details')
  t.equal(findCurrentName('list_issues', TOOLS, names), 'search_issues')
  t.end()
})

test('a name that a tool has is that tool, whatever had the name before', (t) => {
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
