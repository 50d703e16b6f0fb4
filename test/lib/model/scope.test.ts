import { test } from 'tap'
import { formatScope, isScopeWithin, parseScope } from '../../../lib/model/scope.ts'

test('a scope is a list separated by blanks, each member once (RFC 6749 §3.3)', async (t) => {
  t.strictSame(parseScope('org:read event:write'), ['org:read', 'event:write'])
  t.strictSame(parseScope('  org:read   org:read event:write '), ['org:read', 'event:write'])
  t.strictSame(parseScope(''), [])
  t.strictSame(parseScope('org:read,event:write'), ['org:read,event:write'], 'a comma separates nothing')
  t.strictSame(parseScope('Org:read org:read'), ['Org:read', 'org:read'], 'case counts')
})

test('a list is written with one blank between its members', async (t) => {
  t.equal(formatScope(['org:read', 'event:write']), 'org:read event:write')
  t.equal(formatScope([]), '')
})

test('a refresh may ask for less and never for more (RFC 6749 §6)', async (t) => {
  t.equal(isScopeWithin(['a'], ['a', 'b']), true)
  t.equal(isScopeWithin([], ['a']), true)
  t.equal(isScopeWithin(['a', 'c'], ['a', 'b']), false)
  t.equal(isScopeWithin(['a'], []), false)
  t.equal(isScopeWithin(['org:read'], ['org:read:more']), false, 'no beginning of one')
})
