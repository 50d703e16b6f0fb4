import { test } from 'tap'
import { createSigner } from '../../../../lib/crypto/signer.ts'
import {
  createClientId,
  createClientSecret,
  isClientSecret,
  readClientId,
} from '../../../../lib/oauth/clients/client-id.ts'

const OLD = 'an old secret of thirty-two characters or more'
const NEW = 'a new secret of thirty-two characters or more'
const ISSUER = 'https://mcp.example.com'
const signer = createSigner([OLD])
const context = { issuer: ISSUER, signer }
const at = (secrets: string[], issuer = ISSUER) => ({ issuer, signer: createSigner(secrets) })

const REGISTRATION = {
  name: 'Claude Code 🤖',
  redirectUris: ['http://localhost:54545/callback', 'https://claude.ai/api/mcp/auth_callback'],
  tokenEndpointAuthMethod: 'none',
} as const

function create(registration: Parameters<typeof createClientId>[0] = REGISTRATION): string {
  return createClientId(registration, context) ?? ''
}

test('a client_id contains its registration (RFC 7591 Appendix A.5.2)', async (t) => {
  const id = create()
  t.strictSame(readClientId(id, context), { id, ...REGISTRATION })
  t.match(id, /^c1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{28}$/, 'unreserved characters only (RFC 6749 Appendix A.1)')
  t.equal(create(), id, 'the same registration is the same client, in every process')
  t.not(create({ ...REGISTRATION, name: 'Other' }), id)
})

test('a client_id that this server did not issue is not accepted (RFC 6749 §2.2)', async (t) => {
  const [version, body = '', mac] = create().split('.')
  const forged = Buffer.from('x\nhttps://evil.example/cb').toString('base64url')
  const wrong = [
    ...[
      '',
      'c1',
      'c1.',
      'c1..',
      '../..',
      `c1.${body}`,
      `c1.${body}.`,
      `c2.${body}.${mac}`,
      `.${body}.${mac}`,
    ],
    ...[`${version}.${forged}.${mac}`, `${version}.${body}.${mac}.x`, `${version}.${body}.${mac} `],
    ...[
      `${version}.${body}.${'A'.repeat(28)}`,
      `${version}.${body}=.${mac}`,
      `${version}.${body}.${mac?.slice(0, 27)}`,
    ],
    ...['https://client.example/metadata.json', 'client-1', '__proto__', 'c1.__proto__.constructor'],
  ]
  for (const id of wrong) t.equal(readClientId(id, context), undefined, JSON.stringify(id.slice(-50)))
  t.equal(readClientId(create(), at([NEW])), undefined, 'nor one of another server')
})

test('changing any character of a client_id invalidates it', async (t) => {
  const id = create()
  for (let place = 0; place < id.length; place += 1) {
    const altered = id.slice(0, place) + (id[place] === 'A' ? 'B' : 'A') + id.slice(place + 1)
    if (readClientId(altered, context) !== undefined) t.fail(`position ${place} does not count`)
  }
})

test('a MAC for another purpose is not a client_id', async (t) => {
  const body = Buffer.from('x\nhttps://evil.example/cb').toString('base64url')
  for (const purpose of ['refresh-token', 'csrf', 'client-secret'] as const) {
    t.equal(readClientId(`c1.${body}.${signer.createMac(purpose, body)}`, context), undefined)
  }
})

test('a MAC over something else is not a client id', async (t) => {
  for (const content of ['', 'x', 'x\n\nhttps://a.example/', 'x\nhttps://a.example/\n\nprivate_key_jwt\nA']) {
    const body = Buffer.from(content).toString('base64url')
    const id = `c1.${body}.${signer.createMac('client-id', `${ISSUER} ${body}`)}`
    t.equal(readClientId(id, context), undefined, JSON.stringify(content))
  }
})

test('rotating the signing key keeps old client ids valid', async (t) => {
  const rolled = at([NEW, OLD])
  t.match(readClientId(create(), rolled), { name: REGISTRATION.name })
  const id = createClientId(REGISTRATION, rolled) ?? ''
  t.match(readClientId(id, at([NEW])), { name: REGISTRATION.name })
  t.equal(readClientId(create(), at([NEW])), undefined)
})

test('a registration that does not fit into a URL gets no self-contained client_id', async (t) => {
  const uris = (length: number) => ({
    ...REGISTRATION,
    redirectUris: [`https://a.example/${'a'.repeat(length)}`],
  })
  const lengths = Array.from(
    { length: 2000 },
    (_, length) => createClientId(uris(length), context)?.length ?? 0,
  )
  t.equal(Math.max(...lengths), 2000)
  t.equal(createClientId(uris(2000), context), undefined)
  const ten = {
    ...REGISTRATION,
    redirectUris: Array.from({ length: 10 }, (_, port) => `http://localhost:4000${port}/oauth/callback`),
  }
  t.ok(createClientId(ten, context), 'ten ordinary redirect URIs fit')
})

test('a client_id belongs to the issuer that made it, also under one JWT_SIGNING_KEY', async (t) => {
  for (const issuer of [
    'https://staging.example.com',
    `${ISSUER}/`,
    `${ISSUER}/a`,
    ISSUER.toUpperCase(),
    '',
  ]) {
    t.equal(readClientId(create(), at([OLD], issuer)), undefined, issuer)
    t.not(createClientId(REGISTRATION, at([OLD], issuer)), create(), issuer)
  }
})

test('equal registrations of confidential clients differ in id and secret, which nothing stores (RFC 6749 §10.10)', async (t) => {
  for (const method of ['client_secret_basic', 'client_secret_post'] as const) {
    const registration = { ...REGISTRATION, tokenEndpointAuthMethod: method }
    const ids = Array.from({ length: 50 }, () => create(registration))
    const secrets = ids.map((id) => createClientSecret(id, signer))
    t.equal(new Set(ids).size, 50)
    t.equal(new Set(secrets).size, 50)
    const [id = '', other = ''] = ids
    const [secret = ''] = secrets
    t.strictSame(readClientId(id, context), { id, ...registration })
    t.equal(isClientSecret(secret, id, signer), true)
    t.equal(isClientSecret(secret, other, signer), false, 'the whole id counts')
    t.equal(
      isClientSecret(id.split('.')[2] ?? '', id, signer),
      false,
      'the MAC in the id is for another purpose',
    )
    t.equal(isClientSecret(signer.createMac('client-id', id), id, signer), false)
    t.equal(isClientSecret(secret, id, createSigner([NEW, OLD])), true, 'rotating the key keeps it')
    t.equal(isClientSecret(secret, id, createSigner([NEW])), false)
  }
})
