import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { type Test, test } from 'tap'
import { createCodeChallenge } from '../../../lib/crypto/pkce.ts'
import { createSentryLocation } from '../../../lib/upstream/location.ts'
import { createSentryOAuth, UpstreamRefusedError } from '../../../lib/upstream/oauth.ts'
import { UpstreamUnavailableError } from '../../../lib/upstream/request.ts'
import { createBrowser, signIn } from '../../sandbox/browser/browser.ts'
import type { Fault } from '../../sandbox/sentry/faults.ts'
import { type SandboxOptions, startSentry } from '../../sandbox/sentry/server.ts'
import { createSandboxOAuth } from '../../support/sentry-oauth.ts'

const REDIRECT_URI = 'http://localhost:3999/oauth/callback'
const VERIFIER = 'v'.repeat(43)
const SCOPE = ['org:read', 'event:write']
const DAY = 86_400_000

async function start(t: Test, { timeoutMs, ...options }: SandboxOptions & { timeoutMs?: number } = {}) {
  const sentry = await startSentry({ redirectUris: [REDIRECT_URI], ...options })
  t.teardown(() => sentry.close())
  return { sentry, oauth: createClient(sentry, timeoutMs) }
}

function createClient(sentry: Parameters<typeof createSandboxOAuth>[0], timeoutMs?: number) {
  return createSandboxOAuth(sentry, { redirectUri: REDIRECT_URI, timeoutMs })
}

async function getCode(oauth: ReturnType<typeof createClient>): Promise<string> {
  const browser = createBrowser()
  browser.redirectUris.push(REDIRECT_URI)
  const back = await signIn(
    browser,
    oauth.createAuthorizationUrl({ state: 's', verifier: VERIFIER, scope: SCOPE }),
  )
  return back.searchParams.get('code') ?? ''
}

test('the authorization URL has our state and our PKCE challenge (RFC 6749 §4.1.1, RFC 7636 §4.3)', async (t) => {
  const oauth = createSentryOAuth(
    { SENTRY_CLIENT_ID: 'id', SENTRY_CLIENT_SECRET: 'hush' },
    {
      sentry: createSentryLocation({ SENTRY_HOST: 'sentry.example.com', SENTRY_PROTOCOL: 'https' }),
      redirectUri: 'https://mcp.example.com/oauth/callback',
    },
  )
  const url = new URL(oauth.createAuthorizationUrl({ state: 'a b&c', verifier: VERIFIER, scope: SCOPE }))
  t.equal(
    url.origin + url.pathname,
    'https://sentry.example.com/oauth/authorize/',
    'Django insists on the slash',
  )
  t.strictSame(Object.fromEntries(url.searchParams), {
    response_type: 'code',
    client_id: 'id',
    redirect_uri: 'https://mcp.example.com/oauth/callback',
    scope: 'org:read event:write',
    state: 'a b&c',
    code_challenge: createCodeChallenge(VERIFIER),
    code_challenge_method: 'S256',
  })
  t.notMatch(url.href, 'hush')
  t.notMatch(url.href, VERIFIER)
})

test('a code is exchanged for tokens and the user', async (t) => {
  const { sentry, oauth } = await start(t)
  const tokens = await oauth.exchangeCode(await getCode(oauth), VERIFIER)
  t.match(tokens, { accessToken: /^sntryu_/, refreshToken: /^sntryr_/, userId: '1001' })
  t.same(new Set(tokens.scope), new Set(SCOPE))
  t.ok(Math.abs((tokens.expiresAt ?? 0) - (Date.now() + 30 * DAY)) < 10_000)

  const request = sentry.requests.at(-1)
  t.strictSame(
    { ...request?.body, code: 'code' },
    {
      grant_type: 'authorization_code',
      code: 'code',
      redirect_uri: REDIRECT_URI,
      code_verifier: VERIFIER,
      client_id: sentry.clientId,
      client_secret: sentry.clientSecret,
    },
  )
  t.equal(
    request?.headers.authorization,
    undefined,
    'older releases read the credentials from the body alone',
  )
})

test('an invalid code or verifier is refused permanently', async (t) => {
  const { oauth } = await start(t)
  const refused = { name: 'UpstreamRefusedError', code: 'invalid_grant' }
  await t.rejects(oauth.exchangeCode('made-up', VERIFIER), refused)
  await t.rejects(oauth.exchangeCode(await getCode(oauth), 'w'.repeat(43)), refused)
  const code = await getCode(oauth)
  await oauth.exchangeCode(code, VERIFIER)
  await t.rejects(oauth.exchangeCode(code, VERIFIER), refused, 'used')
})

test('a renewal replaces both tokens, and sends no scope, which Sentry refuses', async (t) => {
  const { sentry, oauth } = await start(t)
  const old = sentry.issueTokens()
  const tokens = await oauth.refresh(old.refreshToken)
  t.not(tokens.accessToken, old.accessToken)
  t.not(tokens.refreshToken, old.refreshToken)
  t.strictSame(
    { ...sentry.requests.at(-1)?.body },
    {
      grant_type: 'refresh_token',
      refresh_token: old.refreshToken,
      client_id: sentry.clientId,
      client_secret: sentry.clientSecret,
    },
  )
  await t.rejects(oauth.refresh(old.refreshToken), { name: 'UpstreamRefusedError', code: 'invalid_grant' })
})

test('token responses of older releases: no expiry, PKCE, scope or user', async (t) => {
  const { sentry, oauth } = await start(t, { tokenType: 'bearer', accessTokenTtl: null, supportsPkce: false })
  t.match(await oauth.exchangeCode(await getCode(oauth), VERIFIER), { expiresAt: undefined, userId: '1001' })

  const responses: [object, object][] = [
    [
      { access_token: 'a', refresh_token: 'r' },
      { expiresAt: undefined, scope: undefined, userId: undefined },
    ],
    [
      { access_token: 'a', refresh_token: 'r', expires_in: null, scope: null },
      { expiresAt: undefined, scope: undefined },
    ],
    [{ access_token: 'a', refresh_token: 'r', scope: '' }, { scope: undefined }],
    [{ access_token: 'a', refresh_token: 'r', user: { id: 7, name: null } }, { userId: '7' }],
    [
      { access_token: 'a', refresh_token: null },
      { accessToken: 'a', refreshToken: undefined },
    ],
    [{ access_token: 'a' }, { accessToken: 'a', refreshToken: undefined }],
  ]
  for (const [body, expected] of responses) {
    sentry.fail('/oauth/token/', { kind: 'status', status: 200, body }, 1)
    const tokens = await oauth.exchangeCode('code', VERIFIER)
    t.same({ ...tokens, ...expected }, tokens, JSON.stringify(body))
  }
})

test('a renewal without a new refresh token keeps the old one (RFC 6749 §6)', async (t) => {
  const { sentry, oauth } = await start(t)
  for (const body of [{ access_token: 'a' }, { access_token: 'a', refresh_token: null }]) {
    sentry.fail('/oauth/token/', { kind: 'status', status: 200, body }, 1)
    t.match(await oauth.refresh('the-old-one'), { accessToken: 'a', refreshToken: 'the-old-one' })
  }
})

test('a rejected application is recognized by the error code (RFC 6749 §5.2)', async (t) => {
  const { sentry } = await start(t)
  const oauth = createClient({ ...sentry, clientSecret: 'wrong' })
  await t.rejects(oauth.refresh(sentry.issueTokens().refreshToken), {
    name: 'UpstreamRefusedError',
    code: 'invalid_client',
    message: 'Sentry refused: invalid_client.',
  })
})

const NO_RESPONSE: Record<string, Fault> = {
  'a page with 200, as very old releases and maintenance have it': { kind: 'html' },
  'a page with 400': { kind: 'html', status: 400 },
  'a page with 503': { kind: 'html', status: 503 },
  'a 500': { kind: 'status', status: 500 },
  'a 502 without content': { kind: 'status', status: 502, body: '' },
  'a 429': { kind: 'status', status: 429, retryAfter: 60 },
  'a 403': { kind: 'status', status: 403, body: { error: 'invalid_grant' } },
  'a 404': { kind: 'status', status: 404, body: { error: 'invalid_grant' } },
  'an error with 200': { kind: 'status', status: 200, body: { error: 'invalid_grant' } },
  'an error with 500': { kind: 'status', status: 500, body: { error: 'invalid_grant' } },
  'a 400 that is not OAuth': { kind: 'status', status: 400, body: { detail: 'no' } },
  'a 401 that is not OAuth': { kind: 'status', status: 401, body: { detail: 'no' } },
  'a code that is not a word': { kind: 'status', status: 400, body: { error: '<b>sntryr_secret</b>' } },
  'a code that is not text': { kind: 'status', status: 400, body: { error: { code: 1 } } },
  'empty tokens': { kind: 'status', status: 200, body: { access_token: '', refresh_token: 'r' } },
  'tokens of the wrong type': { kind: 'status', status: 200, body: { access_token: 5, refresh_token: 'r' } },
  'a list': { kind: 'status', status: 200, body: [] },
  null: { kind: 'status', status: 200, body: 'null' },
  'a 201': { kind: 'status', status: 201, body: { access_token: 'a', refresh_token: 'r' } },
  'half an response': { kind: 'truncated' },
  'a response of 50 MB': { kind: 'huge-body' },
  'a response that unpacks to 1 GB': { kind: 'gzip-bomb' },
  'a reset before anything happened': { kind: 'reset' },
  'a reset after it happened': { kind: 'lost-answer' },
  'nothing in time': { kind: 'hang', ms: 60_000 },
  'a byte a second': { kind: 'drip' },
}

test('a response that is neither success nor refusal is unavailable, without a secret in the error', async (t) => {
  const { sentry, oauth } = await start(t, { timeoutMs: 500 })
  for (const [name, fault] of Object.entries(NO_RESPONSE)) {
    const { refreshToken } = sentry.issueTokens()
    sentry.fail('/oauth/token/', fault, 1)
    const error = await oauth.refresh(refreshToken).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    t.type(error, UpstreamUnavailableError, name)
    const everything = inspect(error, { depth: 10, showHidden: true })
    t.notMatch(everything, refreshToken)
    t.notMatch(everything, sentry.clientSecret)
    t.notMatch(everything, 'sntryr_')
  }
})

test('a response longer than 64 KB is unavailable, even if it is valid', async (t) => {
  const { sentry, oauth } = await start(t)
  const fill = (length: number) => ({ access_token: 'a', refresh_token: 'r', fill: 'x'.repeat(length) })
  const frame = JSON.stringify(fill(0)).length
  sentry.fail('/oauth/token/', { kind: 'status', status: 200, body: fill(64 * 1024 - frame) }, 1)
  t.match(await oauth.refresh('token'), { accessToken: 'a' })
  sentry.fail('/oauth/token/', { kind: 'status', status: 200, body: fill(64 * 1024 - frame + 1) }, 1)
  await t.rejects(oauth.refresh('token'), UpstreamUnavailableError)
})

test('a response with another media type is accepted', async (t) => {
  const { sentry, oauth } = await start(t)
  sentry.fail('/oauth/token/', { kind: 'content-type', type: 'text/html' }, 1)
  t.match(await oauth.refresh(sentry.issueTokens().refreshToken), { accessToken: /^sntryu_/ })
})

test('a redirect is not followed, so no secret leaves Sentry', async (t) => {
  const seen: string[] = []
  const elsewhere = await listen(t, (request, response) => {
    seen.push(request.url ?? '')
    response.end('{"access_token":"a","refresh_token":"r"}')
  })
  for (const status of [301, 302, 303, 307, 308]) {
    const host = await listen(t, (_request, response) => {
      response.writeHead(status, { location: `http://${elsewhere}/oauth/token/` }).end()
    })
    const oauth = createClient({ host, clientId: 'id', clientSecret: 'secret' })
    await t.rejects(oauth.refresh('token'), UpstreamUnavailableError, `${status}`)
    await t.rejects(oauth.probe('token'), UpstreamUnavailableError, `${status}`)
  }
  t.same(seen, [])
})

test('an unreachable host and an unknown name are unavailable', async (t) => {
  const { sentry } = await start(t)
  await sentry.close()
  await t.rejects(createClient(sentry).refresh('token'), UpstreamUnavailableError)
  await t.rejects(
    createClient({ ...sentry, host: 'sentry.invalid' }).refresh('token'),
    UpstreamUnavailableError,
  )
})

test('a probe distinguishes a valid token from a revoked one', async (t) => {
  const { sentry, oauth } = await start(t)
  const living = sentry.issueTokens()
  t.equal(await oauth.probe(living.accessToken), true)
  t.equal(
    await oauth.probe(sentry.issueTokens('1001', ['event:read']).accessToken),
    true,
    'a 403 is not an invalid token',
  )

  sentry.expireToken(living.accessToken)
  t.equal(await oauth.probe(living.accessToken), false, 'ended')
  const removed = sentry.issueTokens()
  sentry.revokeToken(removed.accessToken)
  t.equal(await oauth.probe(removed.accessToken), false, 'removed')
})

test('a probe uses an endpoint that responds 401 to an invalid token, where /api/0/auth/ responds 400', async (t) => {
  const { sentry, oauth } = await start(t)
  await oauth.probe(sentry.issueTokens().accessToken)
  t.match(sentry.requests.at(-1), { method: 'GET', path: '/api/0/organizations/', query: { per_page: '1' } })
})

test('a probe without a response has no result', async (t) => {
  const { sentry, oauth } = await start(t, { timeoutMs: 500 })
  const faults: Fault[] = [
    ...[400, 404, 429, 500, 502, 503].map((status): Fault => ({ kind: 'status', status })),
    ...([
      { kind: 'reset' },
      { kind: 'lost-answer' },
      { kind: 'hang', ms: 60_000 },
      { kind: 'huge-body' },
    ] as Fault[]),
  ]
  for (const fault of faults) {
    sentry.fail('/api/0/', fault, 1)
    await t.rejects(oauth.probe(sentry.issueTokens().accessToken), UpstreamUnavailableError, inspect(fault))
  }
})

test('a refusal is not an outage, nor an outage a refusal', async (t) => {
  t.notOk(new UpstreamRefusedError('invalid_grant') instanceof UpstreamUnavailableError)
  t.notOk(new UpstreamUnavailableError(undefined) instanceof UpstreamRefusedError)
})

async function listen(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
