import { test } from 'tap'
import { tickRequired } from '../sandbox/browser/html-form.ts'
import { registerClient } from '../support/client.ts'
import { listEvents } from '../support/log.ts'
import { postMcp } from '../support/mcp.ts'
import { type Service, startService, useEmbeddedStore } from '../support/service.ts'

const CURSOR = 'cursor://anysphere.cursor-mcp/oauth/callback'

/** The fields of the last line of a request to `path`, without what every such line has. */
function readLast({ log }: Service, path: string): Record<string, unknown> {
  const lines = log
    .map((line) => JSON.parse(line))
    .filter(({ msg, req }) => msg === 'request' && req.path === path)
  const { level, time, pid, hostname, reqId, req, duration_ms, msg, ...fields } = lines.at(-1)
  return fields
}

async function start(t: Parameters<typeof startService>[0], changes: Record<string, string> = {}) {
  const settings = { ...useEmbeddedStore(t), LOG_LEVEL: 'info', ...changes }
  const service = await startService(t, { settings })
  return { ...service, client: await registerClient(service.url) }
}

/** Reports, 2026-11-27, stumble 1: the id on an error page led to a path and a status. */
test('the line of a refused authorization request says why, and names client and redirect host', async (t) => {
  const service = await start(t)
  const { url, client } = service
  const refusals: [changes: Record<string, string | undefined>, line: Record<string, unknown>][] = [
    [{ client_id: undefined }, { code: 'invalid_request', description: 'client_id is missing.' }],
    [
      { client_id: 'c1.a.b' },
      { code: 'invalid_client', description: 'This server does not know the client_id.' },
    ],
    [
      { redirect_uri: 'https://evil.example/cb?code=1' },
      {
        description: /client did not register it/,
        redirect_host: 'evil.example',
        client_name: 'Test client',
      },
    ],
    [{ redirect_uri: CURSOR }, { redirect_host: 'cursor://anysphere.cursor-mcp' }],
    [{ redirect_uri: 'not a URL' }, { redirect_host: 'not a URL' }],
    [{ response_type: 'token' }, { code: 'unsupported_response_type', client_name: 'Test client' }],
    [{ code_challenge: undefined }, { code: 'invalid_request', description: 'code_challenge is missing.' }],
    [{ resource: 'https://other.example/mcp' }, { code: 'invalid_target', redirect_host: '127.0.0.1:41998' }],
    [{ scope: 'admin' }, { code: 'invalid_scope', client_name: 'Test client' }],
  ]
  for (const [changes, expected] of refusals) {
    await fetch(client.createAuthorizeUrl(changes))
    t.match(readLast(service, '/oauth/authorize'), { status: 400, ...expected }, JSON.stringify(changes))
  }
  await client.authorize()
  const accepted = readLast(service, '/oauth/authorize')
  t.same(accepted, { status: 200, client_name: 'Test client', redirect_host: '127.0.0.1:41998' })
  t.notMatch(service.log.join(''), /code=1|state of the client/, 'neither query nor state')
  t.equal((await fetch(`${url}/health`)).status, 200)
})

test('the line of a refused registration names who wanted to register, without a stranger’s long text', async (t) => {
  const service = await start(t, { ALLOWED_REDIRECT_URI_PATTERNS: 'http://localhost:*' })
  const register = (body: object) =>
    fetch(`${service.url}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  await register({
    client_name: `Gauge${'\u202e'} ${'x'.repeat(500)}`,
    redirect_uris: [`https://${'a'.repeat(60)}.example/`],
  })
  const line = readLast(service, '/oauth/register')
  t.match(line, { status: 400, code: 'invalid_redirect_uri', description: /allows none of them/ })
  t.equal(String(line.client_name).length, 60)
  t.equal(line.redirect_host, `${'a'.repeat(60)}.example`)
  await register({
    client_name: 'Long',
    redirect_uris: [`https://${`${'b'.repeat(60)}.`.repeat(4)}example/`],
  })
  t.equal(String(readLast(service, '/oauth/register').redirect_host).length, 100)
  await register({ client_name: 7 })
  t.same(readLast(service, '/oauth/register'), {
    status: 400,
    code: 'invalid_client_metadata',
    description: 'client_name is malformed.',
  })
})

test('the line of a refused token request says why, and names the client', async (t) => {
  const service = await start(t)
  const { client } = service
  const { access_token, refresh_token } = await client.signIn()
  await client.redeem('made up')
  const expected = {
    code: 'invalid_grant',
    description: 'The code is invalid or has expired.',
    client_name: 'Test client',
  }
  t.same(readLast(service, '/oauth/token'), { status: 400, ...expected })
  await client.refresh(refresh_token, { scope: 'admin' })
  t.match(readLast(service, '/oauth/token'), { code: 'invalid_scope' })
  await client.requestToken({ grant_type: 'password' })
  t.match(readLast(service, '/oauth/token'), { code: 'unsupported_grant_type' })
  t.notOk(service.log.join('').includes(refresh_token))
  t.notOk(service.log.join('').includes(access_token))
})

test('the line of a refused MCP request says why; one without credentials has nothing to say', async (t) => {
  const service = await start(t)
  const { url, client } = service
  const { access_token, refresh_token } = await client.signIn()
  const post = (token: string | undefined, path = '/mcp') => postMcp(`${url}${path}`, token, 'tools/list')
  await post(undefined)
  t.same(readLast(service, '/mcp'), { status: 401 })
  await post('made-up')
  t.same(readLast(service, '/mcp'), { status: 401, code: 'invalid_token', description: 'Invalid token' })
  await post(access_token, '/mcp/no-such-organization')
  t.match(readLast(service, '/mcp/no-such-organization'), {
    status: 403,
    code: 'access_denied',
    description: /organization no-such-organization does not exist/,
  })
  await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      accept: 'text/html',
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  })
  t.match(readLast(service, '/mcp'), {
    status: 406,
    description: /^Not acceptable/,
    client_name: 'Test client',
  })
  await post(access_token)
  t.same(readLast(service, '/mcp'), { status: 200, client_name: 'Test client' })
  await fetch(`${url}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: client.id, token: refresh_token }),
  })
  await post(access_token)
  t.match(readLast(service, '/mcp'), {
    status: 401,
    code: 'invalid_token',
    description: /grant of the access token has ended/,
  })
})

test('a user who is back from Sentry without access is in the audit log, with the reason', async (t) => {
  const service = await start(t)
  const { url, client, sentry, log } = service
  const listFailures = () => listEvents(log).filter((event) => String(event).startsWith('sign_in_failed'))
  const restore = sentry.fail('/oauth/token/', { kind: 'reset' })
  const back = await client.authorize()
  t.equal(back.searchParams.get('error'), 'temporarily_unavailable')
  t.match(readLast(service, '/oauth/callback'), {
    status: 302,
    code: 'temporarily_unavailable',
    client_name: 'Test client',
    redirect_host: '127.0.0.1:41998',
  })
  restore()
  t.same(listFailures(), ['sign_in_failed: temporarily_unavailable'])

  await fetch(`${url}/oauth/callback?code=a&state=${'a'.repeat(43)}`)
  t.match(readLast(service, '/oauth/callback'), {
    status: 400,
    code: 'refused',
    description: /expired or was already used/,
  })
  t.equal(listFailures().length, 1, 'a state that this server never issued is not a failed sign-in')
})

test('a sign-in that ends in another browser than it began in is a failed one (RFC 9700 §4.7)', async (t) => {
  const service = await start(t)
  const { url, client, sentry, log } = service
  // The user stops at Sentry, and the way back is opened elsewhere.
  t.teardown(sentry.fail('/oauth/authorize/', { kind: 'status', status: 500 }))
  const consent = await client.open()
  if (consent.kind !== 'page') return t.fail('the consent page is shown')
  const [form] = consent.page.forms
  const allow = form?.buttons.find(({ value }) => value === 'allow')
  if (form === undefined || allow === undefined) return t.fail('the page has a button')
  const atSentry = await client.browser.submit(consent.page, tickRequired(form), allow)
  if (atSentry.kind !== 'page') return t.fail('the browser is at Sentry')
  const state = atSentry.page.url.searchParams.get('state')
  t.equal((await fetch(`${url}/oauth/callback?code=a&state=${state}`)).status, 403)
  t.equal(listEvents(log).at(-1), 'sign_in_failed: other_browser')
  t.match(readLast(service, '/oauth/callback'), {
    code: 'refused',
    description: /started in another browser/,
  })
})
