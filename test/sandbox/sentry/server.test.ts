import { type Test, test } from 'tap'
import { type Browser, createBrowser, signIn } from '../browser/browser.ts'
import { computeChallenge } from './accounts.ts'
import { type SandboxOptions, type SentrySandbox, startSentry } from './server.ts'

const REDIRECT_URI = 'http://localhost:3999/oauth/callback'
const VERIFIER = 'a-verifier-that-is-long-enough-to-be-one-under-rfc-7636'

async function start(t: Test, options: SandboxOptions = {}): Promise<SentrySandbox> {
  const sentry = await startSentry({ redirectUris: [REDIRECT_URI], ...options })
  t.teardown(() => sentry.close())
  return sentry
}

function createAuthorizeUrl(sentry: SentrySandbox, changes: Record<string, string> = {}): string {
  const params = {
    client_id: sentry.clientId,
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'org:read event:read',
    state: 'the state',
    code_challenge: computeChallenge(VERIFIER),
    code_challenge_method: 'S256',
    ...changes,
  }
  return `${sentry.url}/oauth/authorize/?${new URLSearchParams(params)}`
}

function postToken(
  sentry: SentrySandbox,
  form: Record<string, string>,
  headers: Record<string, string> = {},
) {
  return fetch(`${sentry.url}/oauth/token/`, { method: 'POST', headers, body: new URLSearchParams(form) })
}

function withSecret(sentry: SentrySandbox, form: Record<string, string>): Record<string, string> {
  return { client_id: sentry.clientId, client_secret: sentry.clientSecret, ...form }
}

async function getCode(
  sentry: SentrySandbox,
  browser: Browser,
  changes?: Record<string, string>,
): Promise<string> {
  const back = await signIn(browser, createAuthorizeUrl(sentry, changes))
  return back.searchParams.get('code') ?? ''
}

function redeem(
  sentry: SentrySandbox,
  code: string,
  changes: Record<string, string> = {},
): Promise<Response> {
  const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER }
  return postToken(sentry, withSecret(sentry, { ...form, ...changes }))
}

/** The fields that the tests look at. */
interface TokenResponse {
  access_token: string
  refresh_token: string
  organization_id?: string
}

async function read<Shape = TokenResponse>(response: Response | Promise<Response>): Promise<Shape> {
  return (await (await response).json()) as Shape
}

function getUser(sentry: SentrySandbox, token: string): Promise<Response> {
  return fetch(`${sentry.url}/api/0/auth/`, { headers: { authorization: `Bearer ${token}` } })
}

test('a person is asked once, and silently approved from then on unless force_prompt is set', async (t) => {
  const sentry = await start(t)
  const browser = createBrowser()
  const back = await signIn(browser, createAuthorizeUrl(sentry))
  t.equal(back.searchParams.get('state'), 'the state')
  t.equal(back.searchParams.get('iss'), null, 'Sentry does not send iss')
  t.same(
    browser.chain.map(({ method }) => method),
    ['GET', 'POST'],
  )

  browser.chain.length = 0
  await signIn(browser, createAuthorizeUrl(sentry))
  t.same(
    browser.chain.map(({ method }) => method),
    ['GET'],
    'approved without a page',
  )
  const wider = await browser.open(createAuthorizeUrl(sentry, { scope: 'org:read event:read team:read' }))
  t.equal(wider.kind, 'page', 'a new scope is asked for')
  const forced = await browser.open(createAuthorizeUrl(sentry, { force_prompt: '1' }))
  t.equal(forced.kind, 'page')
  sentry.forgetApprovals()
  const forgotten = await browser.open(createAuthorizeUrl(sentry))
  t.equal(forgotten.kind, 'page')
})

test('an unproven client or redirect URI gets a page and never a redirect', async (t) => {
  const sentry = await start(t)
  const unproven: Record<string, string>[] = [
    { client_id: 'unknown' },
    { redirect_uri: `${REDIRECT_URI}/` },
    { redirect_uri: `${REDIRECT_URI}?a=b` },
    { redirect_uri: 'http://evil.example/' },
  ]
  for (const changes of unproven) {
    const response = await fetch(createAuthorizeUrl(sentry, changes), { redirect: 'manual' })
    t.equal(response.status, 400)
    t.match(response.headers.get('content-type'), 'text/html')
  }
})

test('errors of a request with a registered redirect URI go back to the client', async (t) => {
  const sentry = await start(t)
  for (const [changes, error] of [
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ scope: 'org:read nonsense:read' }, 'invalid_scope'],
    [{ scope: 'org:read  event:read' }, 'invalid_scope'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ code_challenge: 'short' }, 'invalid_request'],
  ] as const) {
    const response = await fetch(createAuthorizeUrl(sentry, changes), { redirect: 'manual' })
    const location = new URL(response.headers.get('location') ?? '')
    t.equal(response.status, 302)
    t.equal(location.searchParams.get('error'), error)
    t.equal(location.searchParams.get('state'), 'the state')
  }
  const denied = await signIn(createBrowser(), createAuthorizeUrl(sentry), { sentry: 'deny' })
  t.equal(denied.searchParams.get('error'), 'access_denied')
})

test('the approval belongs to the browser that saw the page', async (t) => {
  const sentry = await start(t)
  const seen = await createBrowser().open(createAuthorizeUrl(sentry))
  const [form] = seen.kind === 'page' ? seen.page.forms : []
  const [button] = form?.buttons ?? []
  if (seen.kind !== 'page' || form === undefined || button === undefined) throw new Error('There is no page.')
  const stranger = await createBrowser().submit(seen.page, form, button)
  t.equal(stranger.kind === 'page' && stranger.page.status, 403)
})

test('the token response names the user; expires_in is 30 days', async (t) => {
  const sentry = await start(t)
  const response = await redeem(sentry, await getCode(sentry, createBrowser()))
  const tokens = await read(response)
  t.equal(response.status, 200)
  t.match(tokens, {
    access_token: /^sntryu_/,
    refresh_token: /^sntryr_/,
    expires_in: 2_592_000,
    token_type: 'Bearer',
    scope: 'event:read org:read',
    user: { id: '1001', name: 'Mara Lind', email: 'mara@tidewater.example' },
  })
  t.notOk('organization_id' in tokens)
  t.equal((await getUser(sentry, tokens.access_token)).status, 200)
})

test('a code is good once, and any failed attempt spends it', async (t) => {
  const sentry = await start(t)
  const browser = createBrowser()
  const code = await getCode(sentry, browser)
  t.equal((await redeem(sentry, code)).status, 200)
  t.same(await (await redeem(sentry, code)).json(), { error: 'invalid_grant' })

  const wrong: Record<string, string>[] = [
    { code_verifier: 'another-verifier' },
    { redirect_uri: 'http://localhost:3999/other' },
  ]
  for (const changes of wrong) {
    const burnt = await getCode(sentry, browser)
    const refused = await redeem(sentry, burnt, changes)
    t.equal(refused.status, 400)
    t.same(await refused.json(), { error: 'invalid_grant' })
    t.equal((await redeem(sentry, burnt)).status, 400, 'the right values come too late')
  }
})

test('client authentication: body or Basic, never both, and 401 with a challenge otherwise', async (t) => {
  const sentry = await start(t)
  const browser = createBrowser()
  const basic = { authorization: `Basic ${btoa(`${sentry.clientId}:${sentry.clientSecret}`)}` }
  const form = async () => ({
    grant_type: 'authorization_code',
    code: await getCode(sentry, browser),
    redirect_uri: REDIRECT_URI,
    code_verifier: VERIFIER,
  })
  t.equal((await postToken(sentry, await form(), basic)).status, 200)
  const both = await postToken(sentry, withSecret(sentry, await form()), basic)
  t.same(await both.json(), { error: 'invalid_request' })

  const wrong = await postToken(sentry, {
    ...(await form()),
    client_id: sentry.clientId,
    client_secret: 'wrong',
  })
  t.equal(wrong.status, 401)
  t.equal(wrong.headers.get('www-authenticate'), 'Basic realm="oauth"')
  t.same(await wrong.json(), { error: 'invalid_client' })

  const unknown = await postToken(sentry, withSecret(sentry, { grant_type: 'password' }))
  t.same(await unknown.json(), { error: 'unsupported_grant_type' })
})

test('a refresh replaces both tokens at once and leaves no grace', async (t) => {
  const sentry = await start(t)
  const first = sentry.issueTokens()
  const refresh = (token: string, more = {}) =>
    postToken(sentry, withSecret(sentry, { grant_type: 'refresh_token', refresh_token: token, ...more }))

  const narrowed = await refresh(first.refreshToken, { scope: 'org:read' })
  t.same(await narrowed.json(), { error: 'invalid_request' }, 'Sentry cannot narrow a token')

  const second = await read(refresh(first.refreshToken))
  t.not(second.access_token, first.accessToken)
  t.not(second.refresh_token, first.refreshToken)
  t.equal((await getUser(sentry, second.access_token)).status, 200)
  t.equal((await getUser(sentry, first.accessToken)).status, 400)
  t.same(await (await refresh(first.refreshToken)).json(), { error: 'invalid_grant' })
  t.same(sentry.counters, { codes: 0, refreshes: 1, refusedRefreshes: 2 })
})

test('an expired access token is refused and can still be refreshed; a revoked pair is gone', async (t) => {
  const sentry = await start(t)
  const tokens = sentry.issueTokens()
  sentry.expireToken(tokens.accessToken)
  t.equal((await getUser(sentry, tokens.accessToken)).status, 400)
  const form = withSecret(sentry, { grant_type: 'refresh_token', refresh_token: tokens.refreshToken })
  const renewed = await read(postToken(sentry, form))
  t.equal((await getUser(sentry, renewed.access_token)).status, 200)

  const revoked = await fetch(`${sentry.url}/oauth/revoke/`, {
    method: 'POST',
    body: new URLSearchParams(withSecret(sentry, { token: renewed.refresh_token })),
  })
  t.equal(revoked.status, 200)
  t.equal((await getUser(sentry, renewed.access_token)).status, 400)
})

test('the quirks of older and of limited applications', async (t) => {
  const old = await start(t, {
    supportsPkce: false,
    acceptsBasicCredentials: false,
    tokenType: 'bearer',
    revokeEndpoint: false,
    accessTokenTtl: null,
  })
  const browser = createBrowser()
  const oldCode = await getCode(old, browser, { code_challenge_method: 'plain' })
  const tokens = await read(redeem(old, oldCode, { code_verifier: 'any' }))
  t.match(tokens, { token_type: 'bearer', expires_in: null, expires_at: null })
  const basic = { authorization: `Basic ${btoa(`${old.clientId}:${old.clientSecret}`)}` }
  t.equal((await postToken(old, { grant_type: 'refresh_token' }, basic)).status, 401)
  t.equal(
    (await fetch(`${old.url}/oauth/revoke/`, { method: 'POST' })).status,
    403,
    'the page of a CSRF check',
  )

  const limited = await start(t, { organizationId: '41002' })
  const code = await getCode(limited, createBrowser(), { scope: 'org:read' })
  const limitedTokens = await read(redeem(limited, code))
  t.equal(limitedTokens.organization_id, '41002')
  const headers = { authorization: `Bearer ${limitedTokens.access_token}` }
  const organizations = await read<{ slug: string }[]>(
    fetch(`${limited.url}/api/0/organizations/`, { headers }),
  )
  t.same(
    organizations.map(({ slug }) => slug),
    ['lantern-labs'],
  )
  t.equal((await fetch(`${limited.url}/api/0/organizations/tidewater-books/`, { headers })).status, 403)
})

test('the API: 401 without a valid token, 403 without the scope, 404 for a missing thing', async (t) => {
  const sentry = await start(t)
  const ask = async (path: string, token?: string, method = 'GET') => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(`${sentry.url}/api/0${path}`, { method, headers })
    const text = await response.text()
    return { status: response.status, body: text === '' ? '' : JSON.parse(text) }
  }
  t.match(await ask('/organizations/'), { status: 401 })
  t.match(await ask('/organizations/', 'sntryu_forged'), { status: 401, body: { detail: 'Invalid token' } })
  const forged = await getUser(sentry, 'sntryu_forged')
  t.same([forged.status, await forged.text()], [400, ''], 'but at /auth/')

  const forbidden = { status: 403, body: { detail: 'You do not have permission to perform this action.' } }
  const organization = '/organizations/tidewater-books'
  const readsEvents = sentry.issueTokens(undefined, ['event:read']).accessToken
  t.match(await ask(`${organization}/issues/`, readsEvents), { status: 200 })
  t.match(await ask(`${organization}/issues/STOREFRONT-1/`, readsEvents, 'PUT'), forbidden)
  t.match(await ask(`${organization}/teams/`, readsEvents), forbidden)
  t.match(await ask('/projects/tidewater-books/storefront/keys/', readsEvents), forbidden)
  const writesEvents = sentry.issueTokens(undefined, ['event:write']).accessToken
  t.match(await ask(`${organization}/issues/`, writesEvents), { status: 200 }, 'who may write may read')
  const readsProjects = sentry.issueTokens(undefined, ['project:read', 'org:read']).accessToken
  t.match(await ask('/teams/tidewater-books/web/projects/', readsProjects, 'POST'), forbidden)
  t.match(await ask(`${organization}/teams/`, readsProjects, 'POST'), forbidden)
  t.match(await ask(`${organization}/issues/`, readsProjects), forbidden)

  const all = sentry.issueTokens().accessToken
  t.match(await ask('/organizations/nobody/', all), { status: 404 })
  t.match(await ask(`${organization}/issues/STOREFRONT-99/`, all), { status: 404 })
  t.same(await ask('/nothing/', all), { status: 404, body: '' }, 'a route that does not exist')
  t.equal(sentry.requests.at(-1)?.token, all, 'the log tells which token was used')
  t.equal(sentry.requests.at(-1)?.status, 404)
})

test('lists are paged with a Link header', async (t) => {
  const sentry = await start(t)
  const { accessToken } = sentry.issueTokens()
  const headers = { authorization: `Bearer ${accessToken}` }
  const first = await fetch(`${sentry.url}/api/0/organizations/tidewater-books/issues/?limit=3`, { headers })
  t.equal((await read<unknown[]>(first)).length, 3)
  const next = /<([^>]+)>; rel="next"; results="true"; cursor="[^"]+"/.exec(
    first.headers.get('link') ?? '',
  )?.[1]
  const second = await fetch(next ?? '', { headers })
  t.equal((await read<unknown[]>(second)).length, 2)
  t.match(second.headers.get('link'), /rel="next"; results="false"/)
})

test('issue search knows is:, free text, tags, ages and sort', async (t) => {
  const sentry = await start(t)
  const headers = { authorization: `Bearer ${sentry.issueTokens().accessToken}` }
  const find = async (query: string, sort = 'date') => {
    const params = new URLSearchParams({ query, sort, statsPeriod: '30d' })
    const response = await fetch(`${sentry.url}/api/0/organizations/tidewater-books/issues/?${params}`, {
      headers,
    })
    const issues = await read<{ shortId: string }[]>(response)
    return response.status === 200 ? issues.map(({ shortId }) => shortId) : response.status
  }
  t.same(await find('is:unresolved'), ['STOREFRONT-1', 'CHECKOUT-API-1', 'CHECKOUT-API-2'])
  t.same(await find('is:resolved', 'freq'), ['STOREFRONT-2', 'CHECKOUT-API-3'])
  t.same(await find('"offer has ended"'), [])
  t.same(await find('payment'), ['CHECKOUT-API-1'])
  t.same(await find('!is:resolved project:storefront'), ['STOREFRONT-1'])
  t.same(await find('environment:staging'), ['CHECKOUT-API-3'])
  t.same(await find('release:storefront@2.*'), ['STOREFRONT-1', 'STOREFRONT-2'])
  t.same(await find('release:latest project:storefront'), ['STOREFRONT-1'])
  t.same(await find('lastSeen:-24h userCount:>3'), ['STOREFRONT-1', 'CHECKOUT-API-1'])
  t.same(await find('is:[resolved,ignored] level:warning'), ['CHECKOUT-API-3'])
  t.same(await find('assigned:#payments'), ['CHECKOUT-API-1'])
  t.same(await find(sentry.data.organizations[0]?.issues[0]?.events[2]?.id ?? ''), ['STOREFRONT-1'])
  t.equal(await find('a OR b'), 400, 'what it does not know it refuses')
})

test('each stand-in has state of its own', async (t) => {
  const one = await start(t)
  const other = await start(t)
  const { accessToken } = one.issueTokens()
  t.equal((await getUser(other, accessToken)).status, 400)
  one.data.organizations.length = 0
  t.equal(other.data.organizations.length, 2)
})
