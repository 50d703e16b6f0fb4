import { test } from 'tap'
import { createId } from '../../../../lib/crypto/hash.ts'
import { createSigner } from '../../../../lib/crypto/signer.ts'
import { issueAccessToken, readGrantId, verifyAccessToken } from '../../../../lib/oauth/token/access-token.ts'
import { issueRefreshToken } from '../../../../lib/oauth/token/refresh-token.ts'

const OLD = 'an old secret of thirty-two characters or more'
const NEW = 'a new secret of thirty-two characters or more'
const signer = createSigner([OLD])
const issuer = 'https://mcp.example.com'

const SUBJECT = {
  grantId: createId(),
  clientId: 'c1.body.mac',
  subject: '1001',
  resource: `${issuer}/mcp/acme`,
  scope: ['org:read', 'event:write'] as string[] | undefined,
}

const issue = (ttl = 60, changes: Partial<typeof SUBJECT> = {}) =>
  issueAccessToken({ ...SUBJECT, ...changes }, { issuer, ttl, signer })
const verify = (token: string) => verifyAccessToken(token, { issuer, signer })

test('an access token has issuer, audience, subject, client and expiry (RFC 9068 §2.2)', async (t) => {
  const before = Math.floor(Date.now() / 1000)
  const claims = await verify(await issue(3600))
  t.match(claims, {
    iss: issuer,
    aud: SUBJECT.resource,
    sub: '1001',
    client_id: SUBJECT.clientId,
    scope: 'org:read event:write',
    jti: new RegExp(`^${SUBJECT.grantId}\\.`),
  })
  t.equal(readGrantId(claims), SUBJECT.grantId)
  t.equal(claims.exp - claims.iat, 3600)
  t.ok(claims.iat >= before && claims.iat <= before + 2)
  t.not((await verify(await issue())).jti, (await verify(await issue())).jti)
})

test('a token with the whole scope of its grant does not repeat it (RFC 9068 §2.2.3)', async (t) => {
  t.notOk('scope' in (await verify(await issue(60, { scope: undefined }))))
})

test('its type is at+jwt, which other JWTs do not have (RFC 9068 §2.1)', async (t) => {
  const header = Buffer.from((await issue()).split('.')[0] ?? '', 'base64url')
  t.match(JSON.parse(header.toString()), { typ: 'at+jwt', alg: 'HS256' })
})

test('it contains no Sentry token and of the user only an id', async (t) => {
  const claims = JSON.parse(Buffer.from((await issue()).split('.')[1] ?? '', 'base64url').toString())
  t.same(Object.keys(claims).sort(), ['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub'])
})

test('an expired token is refused with “Token expired”', async (t) => {
  await t.rejects(verify(await issue(-31)), { name: 'InvalidTokenError', message: 'Token expired' })
  await t.resolves(verify(await issue(-20)), 'clocks may differ by 30 s')
})

test('every other invalid token is refused with “Invalid token”', async (t) => {
  const invalid = { name: 'InvalidTokenError', message: 'Invalid token' }
  await t.rejects(
    verifyAccessToken(await issue(), { issuer: 'https://evil.example', signer }),
    invalid,
    'issuer',
  )
  await t.rejects(
    verifyAccessToken(await issue(), { issuer: `${issuer}/`, signer }),
    invalid,
    'issuer, by a slash',
  )
  await t.rejects(verifyAccessToken(await issue(), { issuer, signer: createSigner([NEW]) }), invalid, 'key')
  await t.rejects(verify(`${await issue()}x`), invalid, 'signature')
  for (const text of ['', 'x', 'a.b.c', 'Bearer', '{}']) await t.rejects(verify(text), invalid, text)
})

test('a refresh token is not accepted as an access token (PrefectHQ/fastmcp#3524)', async (t) => {
  await t.rejects(verify(issueRefreshToken(createId(), signer)), { message: 'Invalid token' })
})

test('our own JWT of another type or without a claim is refused (RFC 8725 §3.11 and §3.12)', async (t) => {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    ...{ iss: issuer, aud: SUBJECT.resource, sub: '1001', client_id: 'c', scope: '' },
    ...{ jti: `${SUBJECT.grantId}.abcdefgh`, iat: now, exp: now + 60 },
  }
  const sign = (changes: object, type = 'at+jwt') => signer.signJwt({ ...claims, ...changes }, type)
  await t.resolves(verify(await sign({})))
  await t.rejects(verify(await sign({}, 'JWT')), { message: 'Invalid token' })
  t.notOk('scope' in (await verify(await sign({ scope: undefined }))), 'that of the grant')
  for (const name of Object.keys(claims).filter((name) => name !== 'scope')) {
    await t.rejects(
      verify(await sign({ [name]: undefined })),
      { message: 'Invalid token' },
      `without ${name}`,
    )
  }
  await t.rejects(verify(await sign({ aud: [SUBJECT.resource, 'https://other.example'] })), 'two audiences')
  for (const jti of ['', 'short', '../../etc', SUBJECT.grantId, `${SUBJECT.grantId}x.abcdefgh`, 1]) {
    await t.rejects(verify(await sign({ jti })), { message: 'Invalid token' }, `jti ${jti}`)
  }
})

test('rotating the signing key keeps old access tokens valid', async (t) => {
  await t.resolves(verifyAccessToken(await issue(), { issuer, signer: createSigner([NEW, OLD]) }))
})
