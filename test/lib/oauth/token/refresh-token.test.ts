import { test } from 'tap'
import { createId } from '../../../../lib/crypto/hash.ts'
import { createSigner } from '../../../../lib/crypto/signer.ts'
import {
  issueRefreshToken,
  openSuccessor,
  readRefreshToken,
  sealSuccessor,
} from '../../../../lib/oauth/token/refresh-token.ts'

const OLD = 'an old secret of thirty-two characters or more'
const NEW = 'a new secret of thirty-two characters or more'
const signer = createSigner([OLD])

test('a refresh token yields its grant id and is opaque to the client (RFC 6749 §1.5)', async (t) => {
  const grantId = createId()
  const token = issueRefreshToken(grantId, signer)
  t.strictSame(readRefreshToken(token, signer), grantId)
  t.match(token, /^rt1\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{28}$/)
  t.not(issueRefreshToken(grantId, signer), token)
})

test('a forged token with a real grant id is not recognized (cloudflare/workers-oauth-provider#225)', async (t) => {
  const grantId = createId()
  const [version, , random, mac] = issueRefreshToken(grantId, signer).split('.')
  const wrong = [
    ...['', 'rt1', 'rt1.', 'rt1..', 'rt1...', `rt1.${grantId}`, `rt1.${grantId}.${random}`],
    ...[
      `rt1.${grantId}.${random}.`,
      `rt1.${grantId}.${createId()}.${mac}`,
      `rt1.${createId()}.${random}.${mac}`,
    ],
    ...[
      `rt2.${grantId}.${random}.${mac}`,
      `${version}.${grantId}.${random}.${mac}.x`,
      `rt1.${grantId}.${random}.${mac} `,
    ],
    ...[
      `rt1.${grantId}.${random}.${'A'.repeat(28)}`,
      `RT1.${grantId}.${random}.${mac}`,
      grantId,
      'constructor',
    ],
    issueRefreshToken(grantId, createSigner([NEW])),
  ]
  for (const token of wrong)
    t.equal(readRefreshToken(token, signer), undefined, JSON.stringify(token.slice(-40)))
})

test('the MAC covers the boundaries between the parts', async (t) => {
  const body = `${createId()}.${createId()}`
  const mac = signer.createMac('refresh-token', `x.${body}`)
  t.equal(readRefreshToken(`rt1.x.${body}.${mac}`, signer), undefined)
})

test('a MAC for another purpose and an access token are not refresh tokens (PrefectHQ/fastmcp#3524)', async (t) => {
  const body = `${createId()}.${createId()}`
  for (const purpose of ['client-id', 'csrf'] as const) {
    t.equal(readRefreshToken(`rt1.${body}.${signer.createMac(purpose, body)}`, signer), undefined)
  }
  const jwt = await signer.signJwt({ iss: 'x', sub: 'x', jti: 'x', iat: 1, exp: 9_999_999_999 }, 'at+jwt')
  t.equal(readRefreshToken(jwt, signer), undefined)
})

test('rotating the signing key keeps old refresh tokens valid', async (t) => {
  const grantId = createId()
  const token = issueRefreshToken(grantId, signer)
  t.strictSame(readRefreshToken(token, createSigner([NEW, OLD])), grantId)
  t.equal(readRefreshToken(token, createSigner([NEW])), undefined)
})

test('only a holder of the predecessor can open its successor (RFC 9700 §4.14.2)', async (t) => {
  const grantId = createId()
  const [old, next] = [issueRefreshToken(grantId, signer), issueRefreshToken(grantId, signer)]
  const sealed = sealSuccessor(next, old)
  t.equal(openSuccessor(sealed, old), next)
  t.throws(() => openSuccessor(sealed, next))
  t.throws(() => openSuccessor(sealed, issueRefreshToken(grantId, signer)))
  t.notMatch(Buffer.from(sealed, 'base64url').toString('latin1'), 'rt1.')
  t.not(sealSuccessor(next, old), sealed)
})

test('an altered or truncated sealed successor is refused', async (t) => {
  const sealed = sealSuccessor('successor', 'predecessor')
  const bytes = Buffer.from(sealed, 'base64url')
  for (let place = 0; place < bytes.length; place += 1) {
    const altered = Buffer.from(bytes)
    altered[place] = (altered[place] ?? 0) ^ 1
    t.throws(() => openSuccessor(altered.toString('base64url'), 'predecessor'))
  }
  for (const broken of ['', 'AAAA', sealed.slice(0, -4), Buffer.alloc(27).toString('base64url')]) {
    t.throws(() => openSuccessor(broken, 'predecessor'), JSON.stringify(broken))
  }
})
