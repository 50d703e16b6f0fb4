import { test } from 'tap'
import { formatScope, parseScope } from '../../../lib/model/scope.ts'

test('a scope is parsed as a space-separated list without duplicates (RFC 6749 §3.3)', async (t) => {
  t.strictSame(parseScope('org:read event:write'), ['org:read', 'event:write'])
  t.strictSame(parseScope('  org:read   org:read event:write '), ['org:read', 'event:write'])
  t.strictSame(parseScope(''), [])
  t.strictSame(parseScope('org:read,event:write'), ['org:read,event:write'], 'a comma separates nothing')
  t.strictSame(parseScope('Org:read org:read'), ['Org:read', 'org:read'], 'case counts')
})

test('scopes are joined by single spaces', async (t) => {
  t.equal(formatScope(['org:read', 'event:write']), 'org:read event:write')
  t.equal(formatScope([]), '')
})
