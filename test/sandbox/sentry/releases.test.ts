import { type Test, test } from 'tap'
import { createBrowser, signIn } from '../browser/browser.ts'
import {
  CHANGES,
  type Change,
  compareReleases,
  DATASET_RULES,
  FEATURES,
  type Feature,
  ROUTE_RULES,
  type RouteRule,
  SENTRY_RELEASES,
  type SentryRelease,
} from './releases.ts'
import { makeHex } from './sample-id.ts'
import { type SandboxOptions, type SentrySandbox, startSentry } from './server.ts'

const REDIRECT_URI = 'http://localhost:3999/oauth/callback'
const ALL_FEATURES = setAll(true)
const NO_FEATURES = setAll(false)

/** One of each thing that a path names. */
function fillPath(path: string, { data }: SentrySandbox): string {
  const [organization] = data.organizations
  const values: Record<string, string | undefined> = {
    ':organization': 'tidewater-books',
    ':project': 'checkout-api',
    ':issue': 'CHECKOUT-API-1',
    ':trace': organization?.spans[0]?.traceId,
    ':uptime': '33001',
    ':snapshot': '36002',
    ':conversation': organization?.conversations[0]?.id,
    '*': '',
  }
  return path.replaceAll(/:\w+|\*/g, (name) => values[name] ?? name)
}

/** A request that each route accepts, where a path alone is not enough. */
const REQUESTS: Record<string, { path?: string; query?: string; body?: object }> = {
  'GET /organizations/:organization/events/validate/': { query: '?field=title' },
  'GET /organizations/:organization/trace-items/attributes/': { query: '?attributeType=string' },
  'GET /organizations/:organization/profiling/chunks/': {
    query: `?profiler_id=${makeHex('profiler checkout')}`,
  },
  'GET /organizations/:organization/preprodartifacts/snapshots/latest-base/': {
    query: '?app_id=tidewater.storefront',
  },
  'GET /organizations/:organization/preprodartifacts/snapshots/*': {
    path: '/organizations/tidewater-books/preprodartifacts/snapshots/36002/images/cart-empty.png/',
  },
  'GET /projects/:organization/:project/uptime/*': {
    path: '/projects/tidewater-books/checkout-api/uptime/33001/',
  },
  'PUT /projects/:organization/:project/uptime/*': {
    path: '/projects/tidewater-books/checkout-api/uptime/33001/',
    body: { name: 'API' },
  },
  'DELETE /projects/:organization/:project/uptime/*': {
    path: '/projects/tidewater-books/checkout-api/uptime/33001/',
  },
  'POST /projects/:organization/:project/uptime/': {
    body: { name: 'Shop', url: 'https://tidewater.example' },
  },
  'POST /organizations/:organization/code-mappings/bulk/': {
    body: { project: 'storefront', repository: 'tidewater/storefront', mappings: [] },
  },
}

for (const release of SENTRY_RELEASES) {
  test(`${release} behaves as each row of the tables says`, async (t) => {
    const full = await start(t, { release, features: ALL_FEATURES })
    const bare = await start(t, { release, features: NO_FEATURES })
    const stock = await start(t, { release })

    for (const rule of ROUTE_RULES) {
      const there = await request(full, rule)
      if (!isIn(release, rule.since)) {
        t.same(there, { status: 404, text: '' }, `${rule.route} is missing`)
        continue
      }
      t.ok(there.status < 400, `${rule.route} works: ${there.status}`)
      const off = await request(bare, rule)
      const isFree =
        rule.feature === undefined || (rule.freeSince !== undefined && isIn(release, rule.freeSince))
      t.match(off, isFree ? { status: there.status } : describeOff(rule), `${rule.route} switched off`)
    }

    for (const [name, rule] of Object.entries(DATASET_RULES)) {
      const found = await search(full, name)
      if (!isIn(release, rule.since)) {
        t.match(found, { status: 400, text: /dataset must be one of/ }, `${name} is unknown`)
        continue
      }
      t.equal(found.status, 200)
      t.equal(JSON.parse(found.text).data.length > 0, isIn(release, rule.storedSince), `${name} has data`)
      if (rule.feature === undefined) continue
      t.same(await search(bare, name), { status: 404, text: '' }, `${name} is switched off`)
    }

    const changes = Object.keys(CHANGES) as Change[]
    for (const change of changes) {
      const isThere = await CHANGE_PROBES[change](full)
      t.equal(isThere, isIn(release, CHANGES[change]), change)
    }

    const uptime = await ask(stock, '/projects/tidewater-books/checkout-api/uptime/33001/')
    t.equal(uptime.status, isStock(release, 'uptime') ? 200 : 404, 'its example configuration counts')
  })
}

test('paths outside the API are pages: HTML for a GET, the CSRF page for a POST', async (t) => {
  const sentry = await start(t, { release: '26.8.0' })
  const page = await fetch(`${sentry.url}/settings/account/`)
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), 'text/html')
  const revocation = await fetch(`${sentry.url}/oauth/revoke/`, {
    method: 'POST',
    body: new URLSearchParams(),
  })
  t.equal(revocation.status, 403, 'no release revokes tokens')
  t.match(revocation.headers.get('content-type'), 'text/html')
})

test('tokens live for 30 days and a refresh has no grace, in every release', async (t) => {
  for (const release of SENTRY_RELEASES) {
    const sentry = await start(t, { release })
    const { refreshToken } = sentry.issueTokens()
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken }
    const first = await postToken(sentry, form)
    t.equal(JSON.parse(first.text).expires_in, 30 * 86_400)
    t.same(await postToken(sentry, form), { status: 400, text: '{"error":"invalid_grant"}' })
  }
})

/** Whether a stand-in shows a change. */
const CHANGE_PROBES: Record<Change, (sentry: SentrySandbox) => Promise<boolean>> = {
  'error page with status 400': async (sentry) =>
    (await fetch(`${sentry.url}/oauth/authorize/?client_id=wrong`)).status === 400,
  'redirect_uri required': async (sentry) => {
    sentry.redirectUris.push(`${REDIRECT_URI}2`)
    const text = await (await fetch(createAuthorizeUrl(sentry, { redirect_uri: undefined }))).text()
    return text.includes('redirect_uri parameter')
  },
  'basic credentials': async (sentry) => {
    const authorization = `Basic ${btoa(`${sentry.clientId}:${sentry.clientSecret}`)}`
    const { text } = await postToken(
      sentry,
      { grant_type: 'refresh_token', refresh_token: 'x' },
      { authorization },
    )
    return text.includes('invalid_grant')
  },
  'invalid_client with status 401': async (sentry) =>
    (await postToken(sentry, { client_secret: 'wrong', grant_type: 'refresh_token' })).status === 401,
  'redirect_uri repeated': async (sentry) => {
    const code = await getCode(sentry)
    return (await postToken(sentry, { grant_type: 'authorization_code', code })).status === 400
  },
  'capital Bearer': async (sentry) => {
    const { refreshToken } = sentry.issueTokens()
    const { text } = await postToken(sentry, { grant_type: 'refresh_token', refresh_token: refreshToken })
    return JSON.parse(text).token_type === 'Bearer'
  },
  PKCE: async (sentry) => {
    const challenge = { code_challenge: 'c'.repeat(43), code_challenge_method: 'S256' }
    const code = await getCode(sentry, challenge)
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: 'wrong',
    }
    return (await postToken(sentry, form)).status === 400
  },
  'bearer errors': async (sentry) => {
    const response = await fetch(`${sentry.url}/api/0/organizations/`)
    return response.headers.get('www-authenticate')?.includes('error="invalid_token"') ?? false
  },
  'authorization server metadata': async (sentry) => {
    const response = await fetch(`${sentry.url}/.well-known/oauth-authorization-server`)
    return response.headers.get('content-type')?.includes('json') ?? false
  },
  'newest loader options': async (sentry) =>
    (await ask(sentry, '/projects/tidewater-books/storefront/keys/')).text.includes('hasLogsAndMetrics'),
  'hasLogs of a project': async (sentry) =>
    (await ask(sentry, '/projects/tidewater-books/storefront/')).text.includes('"hasLogs"'),
  'hasTraceMetrics of a project': async (sentry) =>
    (await ask(sentry, '/projects/tidewater-books/storefront/')).text.includes('"hasTraceMetrics"'),
  'detectorIds of a workflow': async (sentry) =>
    (await ask(sentry, '/organizations/tidewater-books/workflows/')).text.includes('detectorIds'),
  'camel case trace counts': async (sentry) =>
    (await ask(sentry, fillPath('/organizations/:organization/trace-meta/:trace/', sentry))).text.includes(
      'spansCount',
    ),
  'attributes without a type': async (sentry) =>
    (await ask(sentry, '/organizations/tidewater-books/trace-items/attributes/?itemType=spans')).status ===
    200,
  'recommended sort': async (sentry) =>
    (await ask(sentry, '/organizations/tidewater-books/issues/?sort=recommended')).status === 200,
  'full conversations': async (sentry) =>
    (await ask(sentry, '/organizations/tidewater-books/ai-conversations/')).text.includes('"title"'),
}

async function start(t: Test, options: SandboxOptions): Promise<SentrySandbox> {
  const sentry = await startSentry({ redirectUris: [REDIRECT_URI], seerPolls: 0, ...options })
  t.teardown(() => sentry.close())
  return sentry
}

interface ProbeResponse {
  status: number
  text: string
}

async function ask(sentry: SentrySandbox, path: string, init: RequestInit = {}): Promise<ProbeResponse> {
  const headers = {
    authorization: `Bearer ${sentry.issueTokens().accessToken}`,
    'content-type': 'application/json',
  }
  const response = await fetch(`${sentry.url}/api/0${path}`, { ...init, headers })
  return { status: response.status, text: await response.text() }
}

function request(sentry: SentrySandbox, rule: RouteRule): Promise<ProbeResponse> {
  const [method = '', template = ''] = rule.route.split(' ')
  const { path, query = '', body } = REQUESTS[rule.route] ?? {}
  return ask(sentry, `${path ?? fillPath(template, sentry)}${query}`, {
    method,
    ...(method === 'GET' || method === 'DELETE' ? {} : { body: JSON.stringify(body ?? {}) }),
  })
}

function search(sentry: SentrySandbox, dataset: string): Promise<ProbeResponse> {
  return ask(sentry, `/organizations/tidewater-books/events/?dataset=${dataset}&field=id`)
}

function describeOff({ whenOff = 'empty 404' }: RouteRule): Partial<ProbeResponse> {
  switch (whenOff) {
    case 'empty 404':
      return { status: 404, text: '' }
    case 'empty 400':
      return { status: 400, text: '' }
    case 'refused 403':
      return { status: 403, text: '{"detail":"Feature not enabled"}' }
    case 'error 500':
      return { status: 500 }
    case 'no data':
      return { status: 200, text: '[]' }
  }
}

function createAuthorizeUrl(sentry: SentrySandbox, changes: Record<string, string | undefined>): string {
  const params = { client_id: sentry.clientId, response_type: 'code', redirect_uri: REDIRECT_URI, ...changes }
  const known = Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return `${sentry.url}/oauth/authorize/?${new URLSearchParams(known)}`
}

async function getCode(sentry: SentrySandbox, changes: Record<string, string> = {}): Promise<string> {
  const back = await signIn(createBrowser(), createAuthorizeUrl(sentry, changes))
  return back.searchParams.get('code') ?? ''
}

/** With the secret in the body, unless the form or the headers have another. */
async function postToken(
  sentry: SentrySandbox,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<ProbeResponse> {
  const body = new URLSearchParams(form)
  if (!('authorization' in headers)) {
    body.set('client_id', sentry.clientId)
    body.set('client_secret', form.client_secret ?? sentry.clientSecret)
  }
  const response = await fetch(`${sentry.url}/oauth/token/`, { method: 'POST', headers, body })
  return { status: response.status, text: await response.text() }
}

function isIn(release: string, since: string | undefined): boolean {
  return since === undefined || compareReleases(release, since) >= 0
}

function isStock(release: SentryRelease, feature: Feature): boolean {
  const since = FEATURES[feature]
  return since !== null && isIn(release, since)
}

function setAll(isOn: boolean): Partial<Record<Feature, boolean>> {
  return Object.fromEntries(Object.keys(FEATURES).map((feature) => [feature, isOn]))
}
