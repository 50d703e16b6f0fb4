import { test } from 'tap'
import { createToken } from '../../../lib/crypto/hash.ts'
import { createCodeChallenge, isCodeChallenge, isCodeVerifier } from '../../../lib/crypto/pkce.ts'

test('a verifier has 43 to 128 unreserved characters (RFC 7636 §4.1)', async (t) => {
  for (const verifier of ['a'.repeat(43), 'a'.repeat(128), `${'-._~'.repeat(10)}abc`, createToken()]) {
    t.equal(isCodeVerifier(verifier), true)
  }
  const wrong = [
    '',
    'a'.repeat(42),
    'a'.repeat(129),
    `${'a'.repeat(43)}+`,
    `${'a'.repeat(43)}=`,
    `${'a'.repeat(42)} `,
  ]
  for (const verifier of [...wrong, `${'a'.repeat(43)}\n`, 'ä'.repeat(43)])
    t.equal(isCodeVerifier(verifier), false)
})

test('a challenge is a SHA-256 as base64url, so a plain verifier of another length is refused (RFC 7636 §4.2)', async (t) => {
  t.equal(isCodeChallenge(createCodeChallenge('a'.repeat(50))), true)
  const wrong = [
    '',
    'a'.repeat(42),
    'a'.repeat(44),
    `${'a'.repeat(42)}=`,
    `${'a'.repeat(42)}~`,
    `${'a'.repeat(42)}.`,
  ]
  for (const challenge of [...wrong, `${'a'.repeat(43)}\n`])
    t.equal(isCodeChallenge(challenge), false, challenge)
})

test('S256 of the verifier in the RFC is its challenge (RFC 7636 Appendix B)', async (t) => {
  t.equal(
    createCodeChallenge('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'),
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  )
})
