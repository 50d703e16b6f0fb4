import { type Test, test } from 'tap'
import { pressOn } from '../../sandbox/browser/browser.ts'
import { registerClient } from '../../support/client.ts'
import { listEvents, readAuditLines } from '../../support/log.ts'
import { postMcp } from '../../support/mcp.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../../support/service.ts'
import { until } from '../../support/wait-until.ts'

/** A member of the one allowed organization, one of another, and one whose name is HTML. */
const MARA = { id: '1001', name: 'Mara Lind', email: 'mara@tidewater.example' }
const NINA = { id: '1002', name: 'Nina Holt', email: 'nina@lantern.example', organizations: ['lantern-labs'] }
const RUDE = { id: '1003', name: '<b>Rude</b>\u202e"', email: 'rude@lantern.example', organizations: [] }
const NAMELESS = { id: '1004', name: null, email: 'x@lantern.example', organizations: [] }

const SETTINGS = { ALLOWED_ORGANIZATIONS: 'tidewater-books', SENTRY_TOKEN_PASSTHROUGH: 'true' }

test('a user who is a member of no allowed organization gets a page, and neither a grant nor a code', async (t) => {
  const { sentry, client, log, app, signInTo } = await start(t)
  sentry.setUser(NINA)
  const page = await signInTo()
  t.equal(page.status, 403)
  t.equal(page.url.pathname, '/oauth/callback')
  t.match(page.html, /This account cannot use this server/)
  t.match(page.html, /<bdi>Nina Holt<\/bdi>/, 'the account is named')
  t.notMatch(page.html, 'tidewater-books', 'the organizations are not')
  t.notMatch(page.html, NINA.email)
  t.match(page.headers.get('cache-control'), 'no-store')
  t.same(await app.store.scanGrants(), { grants: [], next: undefined })
  t.same(listEvents(log), ['client_registered', 'consent_granted', 'sign_in_refused'])
  t.match(readAuditLines(log).at(-1), { subject_hash: String, client_hash: String })
  const back = readWayBack(page.html)
  t.equal(back.origin + back.pathname, client.redirectUri)
  t.match(Object.fromEntries(back.searchParams), {
    error: 'access_denied',
    state: 'state of the client',
    iss: String,
  })
  t.match(back.searchParams.get('error_description'), /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  t.notOk(back.searchParams.has('code'), 'RFC 6749 §4.1.2.1')
  t.notMatch(back.href, 'Nina', 'the client does not learn who it was')
})

test('the tokens of a refused sign-in are revoked at Sentry', async (t) => {
  const { sentry, signInTo } = await start(t)
  sentry.setUser(NINA)
  await signInTo()
  const token = sentry.issued.find((secret) => secret.startsWith('sntryu_')) ?? ''
  await until('the token is dead', async () => (await askSentry(sentry.url, token)) === 401)
})

test('a failed look-up of memberships is temporarily_unavailable at the client, and its tokens are revoked', async (t) => {
  const { sentry, client, app } = await start(t)
  sentry.fail('GET /api/0/organizations/', { kind: 'status', status: 502 })
  const arrived = await client.authorize()
  t.equal(arrived.searchParams.get('error'), 'temporarily_unavailable')
  t.same(await app.store.scanGrants(), { grants: [], next: undefined })
  const token = sentry.issued.find((secret) => secret.startsWith('sntryu_')) ?? ''
  await until('the token is dead', async () => (await askSentry(sentry.url, token)) >= 401)
  sentry.fail('GET /api/0/organizations/', { kind: 'status', status: 502 }, 0)
})

test('what Sentry demands of the user is said on the page', async (t) => {
  const { sentry, signInTo } = await start(t)
  sentry.fail('GET /api/0/organizations/', { kind: 'required-action', code: '2fa-required' })
  const page = await signInTo()
  t.match(page.html, '2fa-required')
  t.equal(readWayBack(page.html).searchParams.get('error'), 'access_denied')
})

test('the name of an account is text on the page, and may be missing', async (t) => {
  const { sentry, signInTo } = await start(t)
  sentry.setUser(RUDE)
  const { html } = await signInTo()
  t.notMatch(html, '<b>')
  t.match(html, '&lt;b&gt;Rude&lt;/b&gt;')
  sentry.setUser(NAMELESS)
  t.match((await signInTo()).html, 'user 1004')
})

test('a member signs in, also with a scope that does not show organizations', async (t) => {
  const { client, sentry } = await start(t)
  const tokens = await client.signIn({ scope: 'event:write' })
  t.match(tokens.scope, 'org:read')
  const asked = sentry.requests.find(({ path }) => path === '/oauth/authorize/')
  t.match(asked?.query.scope, 'org:read')
})

test('the consent page says that the server is for some organizations, without their names', async (t) => {
  const { client } = await start(t)
  const arrival = await client.open()
  if (arrival.kind !== 'page') return t.fail('a page')
  t.match(arrival.page.html, 'what you can see of the organizations that this server is for')
  t.notMatch(arrival.page.html, 'tidewater')
})

test('a resource of another organization is refused before consent (RFC 8707 §2)', async (t) => {
  const { client, url, sentry } = await start(t)
  for (const path of [
    '/mcp/lantern-labs',
    '/mcp/lantern-labs/telemetry',
    '/mcp/41002',
    '/mcp/Tidewater-Books',
  ]) {
    const arrival = await client.open({ resource: `${url}${path}` })
    if (arrival.kind !== 'page') return t.fail(path)
    t.match(arrival.page.html, 'is not for the organization', path)
    t.equal(readWayBack(arrival.page.html).searchParams.get('error'), 'invalid_target')
  }
  t.notOk(sentry.requests.some(({ path }) => path.startsWith('/oauth/')))
})

test('for the resource of an organization its membership counts, and no other', async (t) => {
  const allowed = 'tidewater-books,lantern-labs'
  const { client, url, sentry, signInTo } = await start(t, { ALLOWED_ORGANIZATIONS: allowed })
  sentry.setUser(NINA)
  t.match((await signInTo('/mcp/tidewater-books')).html, 'cannot use this server')
  const { access_token } = await client.signIn({ resource: `${url}/mcp/lantern-labs` })
  t.equal((await postMcp(`${url}/mcp/lantern-labs`, access_token, 'tools/list')).status, 200)
})

test('at a call, the path of another organization is 403 and names the allowed ones', async (t) => {
  const { client, url, sentry } = await start(t)
  const { access_token } = await client.signIn()
  await postMcp(`${url}/mcp`, access_token, 'tools/list')
  for (const path of ['/mcp/lantern-labs', '/mcp/lantern-labs/telemetry', '/mcp/41002']) {
    const before = sentry.requests.length
    const response = await postMcp(`${url}${path}`, access_token, 'tools/list')
    t.equal(response.status, 403, path)
    t.match(await response.text(), 'limited to the organization tidewater-books.')
    t.notOk(sentry.requests.slice(before).some((request) => /lantern|41002/.test(request.path)))
  }
})

test('a membership that ends later ends the calls within minutes, and the grant keeps for its return', async (t) => {
  const settings = {
    ...(await useRedisStore(t)),
    ...{ ENCRYPTION_KEY: 'e'.repeat(32), JWT_SIGNING_KEY: 'j'.repeat(32) },
  }
  const { client, url, sentry, log } = await start(t, settings)
  const leaver = { ...MARA, organizations: ['tidewater-books'] as string[] }
  sentry.setUser(leaver)
  const tokens = await client.signIn()
  const call = () =>
    postMcp(`${url}/mcp`, tokens.access_token, 'tools/call', {
      name: 'find_projects',
      arguments: { organizationSlug: 'tidewater-books' },
    })
  t.match(await (await call()).text(), 'storefront')
  leaver.organizations = ['lantern-labs']
  t.match(await (await call()).text(), 'HTTP 403', 'at once, since Sentry decides each request')

  // Another instance, which has not seen this user yet, stands for this one five minutes later.
  const other = await startService(t, {
    settings: { ...SETTINGS, ...settings, BASE_URL: url },
    sharedSentry: sentry,
  })
  const later = await other.app.inject({
    ...{ method: 'POST', url: '/mcp' },
    headers: {
      ...{ authorization: `Bearer ${tokens.access_token}`, host: new URL(url).host },
      accept: 'application/json, text/event-stream',
    },
    payload: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
  })
  t.equal(later.statusCode, 403)
  t.match(later.body, 'member of no organization that this server is for')
  t.notMatch(later.body, 'tidewater', 'a stranger is not told which there are')

  const refreshed = await client.refresh(tokens.refresh_token)
  t.equal(refreshed.status, 200, 'a refresh does not ask Sentry for memberships')
  leaver.organizations = ['tidewater-books']
  t.match(await (await call()).text(), 'storefront', 'the grant was not ended')
  t.notOk(listEvents(log).includes('grant_revoked'))
})

test('a Sentry-Bearer token is refused where its user is a member of no allowed organization', async (t) => {
  const { url, sentry } = await start(t)
  const call = (token: string, path = '/mcp') => postBearer(`${url}${path}`, token)
  const member = sentry.issueTokens().accessToken
  t.equal((await call(member)).status, 200)
  t.equal((await call(sentry.issueOrganizationToken('tidewater-books'))).status, 200)
  t.equal((await call(sentry.issueOrganizationToken('lantern-labs'))).status, 403)
  const blind = sentry.issueTokens('1001', ['event:read']).accessToken
  sentry.setUser(NINA)
  const stranger = sentry.issueTokens(NINA.id).accessToken
  for (const path of ['/mcp', '/mcp/tidewater-books', '/mcp/lantern-labs']) {
    const refused = await call(stranger, path)
    t.equal(refused.status, 403, path)
    t.equal(refused.headers.get('www-authenticate'), null, 'the token itself is good')
    if (path !== '/mcp/tidewater-books') t.notMatch(await refused.text(), 'tidewater')
  }
  const before = sentry.requests.length
  for (let count = 0; count < 5; count += 1) t.equal((await call(stranger)).status, 403)
  t.equal(sentry.requests.length, before, 'a refusal is cached')
  t.equal((await call(member)).status, 200, 'and is of that token alone')
  t.ok(blind)
})

test('the account page stays open to those who were members', async (t) => {
  const { sentry, url, client } = await start(t)
  sentry.setUser(NINA)
  const arrival = await client.browser.open(`${url}/account`)
  if (arrival.kind !== 'page') return t.fail('a page')
  const [form] = arrival.page.forms
  const [button] = form?.buttons ?? []
  if (form === undefined || button === undefined) return t.fail('a button')
  const signedIn = await client.browser.submit(arrival.page, form, button)
  t.equal(signedIn.kind, 'page')
})

async function start(t: Test, settings: Record<string, string> = {}) {
  const service = await startService(t, {
    settings: { ...useEmbeddedStore(t), ...SETTINGS, ...settings },
  })
  const { url, sentry } = service
  sentry.setUser(MARA)
  const client = await registerClient(url)

  /** Signs in and returns the page at which that ends. */
  async function signInTo(path = '/mcp') {
    const arrival = await pressOn(client.browser, client.createAuthorizeUrl({ resource: `${url}${path}` }))
    if (arrival.kind === 'client') throw new Error('The sign-in reached the client.')
    return arrival.page
  }

  return { ...service, client, signInTo }
}

/** The link that takes the user back to the client. */
function readWayBack(html: string): URL {
  const [, href = ''] = /<a href="([^"]*)"[^>]*>Go back to the client/.exec(html) ?? []
  return new URL(href.replaceAll('&amp;', '&'))
}

async function askSentry(url: string, token: string): Promise<number> {
  const response = await fetch(`${url}/api/0/projects/tidewater-books/storefront/`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return response.status
}

function postBearer(url: string, token: string): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Sentry-Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-06-18',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  })
}
