import { test } from 'tap'
import { readParameter, requireParameter } from '../../../lib/oauth/parameters.ts'

test('a parameter without a value counts as left out (RFC 6749 §3.1)', async (t) => {
  t.equal(readParameter('state', undefined), undefined)
  t.equal(readParameter('state', ''), undefined)
  t.equal(readParameter('state', ' '), ' ')
  t.equal(readParameter('state', '0'), '0')
})

test('a parameter must not be repeated (RFC 6749 §3.1 and §3.2), not even with the same value', async (t) => {
  for (const value of [['a', 'a'], ['a', 'b'], ['', ''], ['a']]) {
    const error = { code: 'invalid_request', message: 'scope must not be repeated.' }
    t.throws(() => readParameter('scope', value), error)
    t.throws(() => requireParameter('scope', value), error)
  }
})

test('a parameter is bounded, and what was sent is not repeated', async (t) => {
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

test('a required parameter that is missing is named (RFC 6749 §4.1.2.1)', async (t) => {
  t.equal(requireParameter('code', 'abc'), 'abc')
  for (const value of [undefined, '']) {
    t.throws(() => requireParameter('code', value), { code: 'invalid_request', message: 'code is missing.' })
  }
})
