import { test } from 'tap'
import { readParameter, requireParameter } from '../../../lib/oauth/parameters.ts'

test('an empty parameter counts as omitted (RFC 6749 §3.1)', async (t) => {
  t.equal(readParameter('state', undefined), undefined)
  t.equal(readParameter('state', ''), undefined)
  t.equal(readParameter('state', ' '), ' ')
  t.equal(readParameter('state', '0'), '0')
})

test('a parameter must not be repeated, even with the same value (RFC 6749 §3.1 and §3.2)', async (t) => {
  for (const value of [['a', 'a'], ['a', 'b'], ['', ''], ['a']]) {
    const error = { code: 'invalid_request', message: 'scope must not be repeated.' }
    t.throws(() => readParameter('scope', value), error)
    t.throws(() => requireParameter('scope', value), error)
  }
})

test('a parameter has a maximum length, and the error does not repeat its value', async (t) => {
  t.equal(readParameter('state', 'a'.repeat(2048)), 'a'.repeat(2048))
  t.throws(() => readParameter('state', 'a'.repeat(2049)), {
    code: 'invalid_request',
    message: 'state is too long.',
  })
  t.throws(() => requireParameter('code', 'abc', 2), {
    code: 'invalid_request',
    message: 'code is too long.',
  })
})

test('the error names a missing required parameter (RFC 6749 §4.1.2.1)', async (t) => {
  t.equal(requireParameter('code', 'abc'), 'abc')
  for (const value of [undefined, '']) {
    t.throws(() => requireParameter('code', value), { code: 'invalid_request', message: 'code is missing.' })
  }
})
