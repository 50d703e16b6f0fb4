import { createHmac } from 'node:crypto'
import { errors, SignJWT } from 'jose'
import { test } from 'tap'
import { deriveKeys } from '../../../lib/crypto/key-ring.ts'
import { createSigner, type MacPurpose } from '../../../lib/crypto/signer.ts'

const OLD = 'an old secret of thirty-two characters or more'
const NEW = 'a new secret of thirty-two characters or more'
const ISSUER = 'https://mcp.example.com'
const EXPECTED = { type: 'at+jwt', issuer: ISSUER }
const PURPOSES: MacPurpose[] = ['client-id', 'refresh-token', 'csrf']

const now = () => Math.floor(Date.now() / 1000)

function makeClaims(changes: Record<string, unknown> = {}) {
  return { iss: ISSUER, sub: 'user', jti: 'id', iat: now(), exp: now() + 60, ...changes }
}

/** A JWT made by hand, signed rightly unless its algorithm is `none`. */
function forge(header: object, claims: object, secret = OLD): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const body = `${encode(header)}.${encode(claims)}`
  const key = deriveKeys([secret], 'jwt').current.key
  return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`
}

const kid = deriveKeys([OLD], 'jwt').current.id
const HEADER = { alg: 'HS256', typ: 'at+jwt', kid }

test('a signed JWT verifies and names its type and key in the header (RFC 9068 §2.1)', async (t) => {
  const signer = createSigner([OLD])
  const token = await signer.signJwt(makeClaims(), 'at+jwt')
  t.match(await signer.verifyJwt(token, EXPECTED), { sub: 'user', iss: ISSUER })
  const header = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
  t.same(header, HEADER)
  t.match(await signer.verifyJwt(forge(HEADER, makeClaims()), EXPECTED), { sub: 'user' }, 'the forger works')
})

test('another algorithm is refused, `none` included (RFC 8725 §3.1, §3.2)', async (t) => {
  const signer = createSigner([OLD])
  const unsigned = forge({ ...HEADER, alg: 'none' }, makeClaims())
  await t.rejects(signer.verifyJwt(unsigned, EXPECTED))
  await t.rejects(signer.verifyJwt(unsigned.replace(/[^.]*$/, ''), EXPECTED), 'without a signature')
  for (const alg of ['None', 'NONE', 'HS384', 'HS512', 'RS256', 'ES256', '']) {
    await t.rejects(signer.verifyJwt(forge({ ...HEADER, alg }, makeClaims()), EXPECTED), alg)
  }
  for (const alg of ['HS384', 'HS512']) {
    const key = new Uint8Array(64).fill(1)
    key.set(deriveKeys([OLD], 'jwt').current.key.export())
    const honest = await new SignJWT(makeClaims()).setProtectedHeader({ ...HEADER, alg }).sign(key)
    await t.rejects(signer.verifyJwt(honest, EXPECTED), errors.JOSEAlgNotAllowed)
  }
})

test('another type is refused (RFC 8725 §3.11, RFC 9068 §4)', async (t) => {
  const signer = createSigner([OLD])
  for (const typ of ['JWT', 'rt+jwt', 'at', undefined]) {
    await t.rejects(signer.verifyJwt(forge({ ...HEADER, typ }, makeClaims()), EXPECTED), String(typ))
  }
})

test('another issuer is refused, byte for byte (RFC 9068 §4, RFC 8414 §3.3)', async (t) => {
  const signer = createSigner([OLD])
  for (const iss of [`${ISSUER}/`, 'https://evil.example', 'https://MCP.example.com', undefined]) {
    await t.rejects(signer.verifyJwt(forge(HEADER, makeClaims({ iss })), EXPECTED), String(iss))
  }
})

test('an expired or not yet valid token is refused, with 30 s of clock skew (RFC 7519 §4.1)', async (t) => {
  const signer = createSigner([OLD])
  const verify = (changes: object) => signer.verifyJwt(forge(HEADER, makeClaims({ ...changes })), EXPECTED)
  await t.rejects(verify({ exp: now() - 40 }), errors.JWTExpired)
  await t.resolves(verify({ exp: now() - 20 }))
  await t.rejects(verify({ nbf: now() + 40 }))
})

test('a token without exp, iat, jti or sub is refused (RFC 9068 §2.2)', async (t) => {
  const signer = createSigner([OLD])
  for (const name of ['exp', 'iat', 'jti', 'sub']) {
    const token = forge(HEADER, makeClaims({ [name]: undefined }))
    await t.rejects(signer.verifyJwt(token, EXPECTED), errors.JWTClaimValidationFailed, name)
  }
})

test('an altered token, or one under another key, is refused', async (t) => {
  const signer = createSigner([OLD])
  const token = await signer.signJwt(makeClaims(), 'at+jwt')
  const [header, , signature] = token.split('.')
  const claims = Buffer.from(JSON.stringify(makeClaims({ sub: 'admin' }))).toString('base64url')
  await t.rejects(signer.verifyJwt(`${header}.${claims}.${signature}`, EXPECTED))
  await t.rejects(
    signer.verifyJwt(forge({ ...HEADER, kid }, makeClaims(), NEW), EXPECTED),
    'under our key’s id',
  )
  await t.rejects(signer.verifyJwt(forge({ ...HEADER, kid: 'other' }, makeClaims()), EXPECTED))
  await t.rejects(
    signer.verifyJwt(forge({ alg: 'HS256', typ: 'at+jwt' }, makeClaims()), EXPECTED),
    'no key id',
  )
  for (const text of ['', '.', '..', 'a.b', 'a.b.c', 'a.b.c.d', `${token}.`]) {
    await t.rejects(signer.verifyJwt(text, EXPECTED), JSON.stringify(text))
  }
})

test('a MAC is valid for its text and purpose only', async (t) => {
  const signer = createSigner([OLD])
  for (const purpose of PURPOSES) {
    const mac = signer.createMac(purpose, 'text')
    t.match(mac, /^[A-Za-z0-9_-]{28}$/)
    t.equal(signer.verifyMac(purpose, 'text', mac), true)
    t.equal(signer.verifyMac(purpose, 'Text', mac), false)
    for (const other of PURPOSES.filter((name) => name !== purpose)) {
      t.equal(signer.verifyMac(other, 'text', mac), false, `${purpose} is not ${other}`)
    }
  }
})

test('a shortened, lengthened or altered MAC is refused', async (t) => {
  const signer = createSigner([OLD])
  const mac = signer.createMac('csrf', 'text')
  const altered = [...mac].map(
    (letter, place) => mac.slice(0, place) + (letter === 'A' ? 'B' : 'A') + mac.slice(place + 1),
  )
  for (const wrong of ['', mac.slice(0, 6), mac.slice(0, -1), `${mac}A`, `${mac} `, ...altered]) {
    t.equal(signer.verifyMac('csrf', 'text', wrong), false, wrong)
  }
})

test('key rotation: the first key signs, all of them verify', async (t) => {
  const before = createSigner([OLD])
  const during = createSigner([NEW, OLD])
  const after = createSigner([NEW])
  const [old, young] = [
    await before.signJwt(makeClaims(), 'at+jwt'),
    await during.signJwt(makeClaims(), 'at+jwt'),
  ]
  await t.resolves(during.verifyJwt(old, EXPECTED))
  await t.resolves(after.verifyJwt(young, EXPECTED))
  await t.rejects(after.verifyJwt(old, EXPECTED))
  await t.rejects(before.verifyJwt(young, EXPECTED))
  t.equal(during.verifyMac('client-id', 'text', before.createMac('client-id', 'text')), true)
  t.equal(after.verifyMac('client-id', 'text', during.createMac('client-id', 'text')), true)
  t.equal(after.verifyMac('client-id', 'text', before.createMac('client-id', 'text')), false)
})
