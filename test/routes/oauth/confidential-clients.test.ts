import { Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { createTestClient, registerClient, type Tokens } from '../../support/client.ts'
import { postMcp } from '../../support/mcp.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../../support/service.ts'

const REDIRECT_URI = 'http://127.0.0.1:41998/callback'

interface Registered {
  client_id: string
  client_secret: string
  [member: string]: unknown
}

async function register(url: string, metadata: object): Promise<{ status: number; registered: Registered }> {
  const response = await fetch(`${url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Gateway', redirect_uris: [REDIRECT_URI], ...metadata }),
  })
  return { status: response.status, registered: (await response.json()) as Registered }
}

const encode = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`

function post(url: string, form: Record<string, string>, authorization?: string): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: authorization === undefined ? {} : { authorization },
    body: new URLSearchParams(form),
  })
}

/** A confidential client that has signed in, and a code of it for each call. */
async function startWithClient(t: Test, method: string, settings?: Record<string, string>) {
  const service = await startService(t, { settings })
  const { registered } = await register(service.url, { token_endpoint_auth_method: method })
  const client = createTestClient(service.url, registered.client_id, REDIRECT_URI)
  const createForm = async () => ({
    grant_type: 'authorization_code',
    code: (await client.authorize()).searchParams.get('code') ?? '',
    redirect_uri: REDIRECT_URI,
    code_verifier: client.verifier,
  })
  return {
    service,
    client,
    id: registered.client_id,
    secret: registered.client_secret,
    registered,
    createForm,
  }
}

for (const method of ['client_secret_basic', 'client_secret_post']) {
  test(`a client that registers ${method} gets a secret that does not expire (RFC 7591 §3.2.1)`, async (t) => {
    const { url } = await startService(t)
    const { status, registered } = await register(url, { token_endpoint_auth_method: method })
    t.equal(status, 201)
    t.match(registered, {
      client_id: /^c1\.[\w-]+\.[\w-]{28}$/,
      client_secret: /^[\w-]{28}$/,
      client_secret_expires_at: 0,
      client_name: 'Gateway',
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: method,
    })
    const again = await register(url, { token_endpoint_auth_method: method })
    t.not(again.registered.client_id, registered.client_id)
    t.not(again.registered.client_secret, registered.client_secret)
  })

  test(`a secret is accepted in header and form (${method}, RFC 6749 §2.3.1)`, async (t) => {
    const { service, id, secret, createForm } = await startWithClient(t, method)
    const { url } = service
    const inHeader = await post(`${url}/oauth/token`, await createForm(), encode(id, secret))
    t.equal(inHeader.status, 200)
    const form = { ...(await createForm()), client_id: id, client_secret: secret }
    const inForm = await post(`${url}/oauth/token`, form)
    t.equal(inForm.status, 200)

    const { access_token, refresh_token } = (await inForm.json()) as Tokens
    const refreshed = await post(
      `${url}/oauth/token`,
      { grant_type: 'refresh_token', refresh_token },
      encode(id, secret).replace('Basic', 'bAsIC'),
    )
    t.equal(refreshed.status, 200, 'the scheme is of any case (RFC 7235 §2.1)')
    t.equal((await postMcp(`${url}/mcp`, access_token, 'tools/list')).status, 200)
    t.equal((await post(`${url}/oauth/revoke`, { token: access_token }, encode(id, secret))).status, 200)
    t.equal((await postMcp(`${url}/mcp`, access_token, 'tools/list')).status, 401, 'and so it can revoke')
  })
}

test('a confidential client without its secret is refused and spends no code (RFC 6749 §5.2)', async (t) => {
  const { service, id, secret, createForm } = await startWithClient(t, 'client_secret_basic')
  const { url } = service
  const form = await createForm()
  const inForm = { ...form, client_id: id }
  const wrong: [string, Record<string, string>, string | undefined, boolean][] = [
    ['no secret', inForm, undefined, false],
    ['an empty one', { ...inForm, client_secret: '' }, undefined, false],
    ['a wrong one', { ...inForm, client_secret: `${secret}x` }, undefined, false],
    ['the hash of it', { ...inForm, client_secret: 'x'.repeat(43) }, undefined, false],
    ['a wrong one in the header', form, encode(id, 'wrong'), true],
    ['an empty one in the header', form, encode(id, ''), true],
    ['an unknown client', form, encode(`c2.${'x'.repeat(43)}`, secret), true],
    ['no such id', form, encode('nobody', secret), true],
  ]
  for (const [what, fields, authorization, isBasic] of wrong) {
    for (const endpoint of ['token', 'revoke']) {
      const response = await post(`${url}/oauth/${endpoint}`, { ...fields, token: 'x' }, authorization)
      t.equal(response.status, 401, `${what} at ${endpoint}`)
      t.match(await response.json(), { error: 'invalid_client' }, what)
      const challenge = response.headers.get('www-authenticate')
      t.equal(challenge, isBasic ? 'Basic realm="oauth"' : null, `${what}: a challenge of the scheme tried`)
    }
  }
  const both = await post(`${url}/oauth/token`, { ...inForm, client_secret: secret }, encode(id, secret))
  t.equal(both.status, 400, 'two methods (§2.3)')
  t.match(await both.json(), { error: 'invalid_request' })
  const other = await registerClient(url)
  const mixed = await post(`${url}/oauth/token`, { ...form, client_id: other.id }, encode(id, secret))
  t.match(await mixed.json(), { error: 'invalid_request' }, 'two clients')
  t.equal((await post(`${url}/oauth/token`, form, encode(id, secret))).status, 200, 'the code was not spent')
})

test('a secret does not authenticate another client', async (t) => {
  const { service, createForm } = await startWithClient(t, 'client_secret_basic')
  const { registered: other } = await register(service.url, {
    token_endpoint_auth_method: 'client_secret_basic',
  })
  const form = await createForm()
  const response = await post(
    `${service.url}/oauth/token`,
    form,
    encode(other.client_id, other.client_secret),
  )
  t.match(await response.json(), { error: 'invalid_grant' })
})

test('a client is public by default, and the response says so (RFC 7591 §3.2.1)', async (t) => {
  const { url } = await startService(t)
  for (const metadata of [{}, { token_endpoint_auth_method: 'none' }]) {
    const { registered } = await register(url, metadata)
    t.match(registered.client_id, /^c1\./)
    t.equal(registered.token_endpoint_auth_method, 'none')
    t.notOk('client_secret' in registered || 'client_secret_expires_at' in registered)
  }
})

/** A registration that is too long for an id, and short enough for the store. */
const LONG_URIS = [
  REDIRECT_URI,
  ...Array.from({ length: 9 }, (_, number) => `https://app.example/${'x'.repeat(280)}/${number}`),
]

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  for (const method of ['none', 'client_secret_basic']) {
    test(`a registration that does not fit into an id is stored (${method}, ${useStore.name})`, async (t) => {
      const { url } = await startService(t, { settings: await useStore(t) })
      const metadata = { redirect_uris: LONG_URIS, token_endpoint_auth_method: method }
      const { status, registered } = await register(url, metadata)
      t.equal(status, 201)
      t.match(registered.client_id, /^c2\./)
      t.equal(registered.token_endpoint_auth_method, method)
      const client = createTestClient(url, registered.client_id, REDIRECT_URI)
      const code = (await client.authorize()).searchParams.get('code') ?? ''
      const secret = method === 'none' ? undefined : { client_secret: registered.client_secret }
      if (secret !== undefined) t.equal((await client.redeem(code)).status, 401)
      t.equal((await client.redeem(code, secret)).status, 200)
    })
  }
}

test('a stored registration takes 4 KiB at most, for an hour, and ten a minute are stored', async (t) => {
  const settings: Record<string, string> = { ...(await useRedisStore(t)), RATE_LIMIT_OAUTH: '50' }
  const { url } = await startService(t, { settings })
  const redis = new Redis(settings.REDIS_URL ?? '')
  t.teardown(() => redis.disconnect())
  const registerLong = (length: number) =>
    register(url, { redirect_uris: [`${REDIRECT_URI}?${'x'.repeat(length)}`, ...LONG_URIS.slice(4)] })
  const stored: Registered[] = []
  for (let length = 1_300; length <= 1_700; length += 50) {
    const { status, registered } = await registerLong(length)
    if (status === 201) stored.push(registered)
    else t.match(registered, { error: 'invalid_client_metadata', error_description: /too long/ })
  }
  t.ok(stored.length > 1 && stored.length < 9, 'the bound is within these lengths')
  for (const { client_id } of stored) {
    const [key = ''] = await redis.keys(`*:client:{${client_id}}`)
    t.ok(Number(await redis.memory('USAGE', key)) <= 4_096)
    const ttl = await redis.ttl(key)
    t.ok(ttl > 3_500 && ttl <= 3_600)
  }
  for (let count = stored.length; count < 10; count += 1) t.equal((await registerLong(10)).status, 201)
  const limited = await register(url, { redirect_uris: LONG_URIS })
  t.match(limited, { status: 429, registered: { error: 'temporarily_unavailable' } })
  t.equal((await register(url, {})).status, 201, 'what needs no record is registered all the same')
})

test('a stored client expires after an hour unused, after 90 days once it received tokens', async (t) => {
  const settings = await useRedisStore(t)
  const { url } = await startService(t, { settings })
  const { registered } = await register(url, {
    redirect_uris: LONG_URIS,
    token_endpoint_auth_method: 'client_secret_post',
  })
  const client = createTestClient(url, registered.client_id, REDIRECT_URI)
  const redis = new Redis(settings.REDIS_URL ?? '')
  t.teardown(() => redis.disconnect())
  const [key = ''] = await redis.keys(`*:client:{${client.id}}`)
  const countHours = async () => Math.ceil((await redis.ttl(key)) / 3_600)

  const secret = { client_secret: registered.client_secret ?? '' }
  await client.open()
  await client.redeem('made-up', secret)
  t.equal(await countHours(), 1, 'naming it, or authenticating, is not use')
  const code = (await client.authorize()).searchParams.get('code') ?? ''
  t.equal((await client.redeem(code, secret)).status, 200)
  t.equal(await countHours(), 90 * 24)

  const record = JSON.parse((await redis.get(key)) ?? '')
  t.notMatch(JSON.stringify(record), registered.client_secret)
  const widened = { ...record, redirectUris: [...record.redirectUris, 'https://evil.example/cb'] }
  await redis.set(key, JSON.stringify(widened), 'KEEPTTL')
  const altered = await client.open({ redirect_uri: 'https://evil.example/cb' })
  t.match(
    altered,
    { kind: 'page', page: { status: 503 } },
    'a record that was changed in the store is not used',
  )
})

test('every instance knows a confidential client, and the store holds nothing of it', async (t) => {
  const settings: Record<string, string> = {
    ...(await useRedisStore(t)),
    ENCRYPTION_KEY: 'e'.repeat(32),
    JWT_SIGNING_KEY: 'j'.repeat(32),
  }
  const { service, id, secret, createForm } = await startWithClient(t, 'client_secret_basic', settings)
  const redis = new Redis(settings.REDIS_URL ?? '')
  t.teardown(() => redis.disconnect())
  t.same(await redis.keys(`*:client:*${id}*`), [])
  const other = await startService(t, {
    settings: { ...settings, BASE_URL: service.url },
    sharedSentry: service.sentry,
  })
  const redeemed = await post(`${other.url}/oauth/token`, await createForm(), encode(id, secret))
  t.equal(redeemed.status, 200)
  t.notMatch([...service.log, ...other.log].join(''), secret)
})
