import { test } from 'tap'
import { createToken, hashToken, isEqual } from '../../../lib/crypto/hash.ts'

test('a hash is SHA-256 as base64url, which is also S256 (RFC 7636 Appendix B)', async (t) => {
  t.equal(hashToken(''), '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU')
  t.equal(
    hashToken('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'),
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  )
})

test('a token is 256 random bits as base64url (RFC 6749 §10.10)', async (t) => {
  const tokens = Array.from({ length: 200 }, createToken)
  t.equal(new Set(tokens).size, 200)
  t.ok(tokens.every((token) => /^[A-Za-z0-9_-]{43}$/.test(token)))
})

test('texts of any length are equal only when identical', async (t) => {
  t.equal(isEqual('same', 'same'), true)
  t.equal(isEqual('', ''), true)
  for (const other of ['Same', 'sam', 'same ', '', 'same\0']) t.equal(isEqual('same', other), false)
})
