import { test } from 'tap'
import type { Arrival } from '../../sandbox/browser/browser.ts'
import { createTestClient, registerClient } from '../../support/client.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

test('an error of client or redirect URI is shown, never redirected (RFC 6749 §4.1.2.1, CVE-2025-4143)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const other = await registerClient(url, 'https://other.example/callback')
  const wrong: [string, Record<string, string | undefined>][] = [
    ['no client', { client_id: undefined }],
    ['an unknown client', { client_id: 'nobody' }],
    ['an altered client id', { client_id: client.id.replace(/^(c1\..)/, '$1_') }],
    ['another path', { redirect_uri: 'http://127.0.0.1:41998/elsewhere' }],
    ['another host', { redirect_uri: 'http://localhost:41998/callback' }],
    ["another client's", { redirect_uri: other.redirectUri }],
    ['user information', { redirect_uri: 'http://127.0.0.1:41998@evil.example/callback' }],
    ['script', { redirect_uri: 'javascript:alert(1)' }],
  ]
  for (const [what, changes] of wrong) {
    const arrival = await client.open(changes)
    t.equal(arrival.kind, 'page', what)
    if (arrival.kind !== 'page') continue
    t.equal(arrival.page.status, 400, what)
    t.match(arrival.page.headers.get('content-type'), /text\/html/)
    t.equal(arrival.page.forms.length, 0)
  }
})

test('every other error waits on a page for its user, missing or plain PKCE included (RFC 9700 §4.11.2, cloudflare/workers-oauth-provider#253, #275, #277)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const wrong: [string, Record<string, string | undefined>, string][] = [
    ['no response_type (§3.1.1)', { response_type: undefined }, 'invalid_request'],
    ['the implicit flow', { response_type: 'token' }, 'unsupported_response_type'],
    ['no challenge (RFC 7636 §4.4.1)', { code_challenge: undefined }, 'invalid_request'],
    ['plain (RFC 7636 §4.3)', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no method, which means plain', { code_challenge_method: undefined }, 'invalid_request'],
    ['a challenge that is invalid', { code_challenge: 'short' }, 'invalid_request'],
    ['a foreign resource (RFC 8707 §2)', { resource: 'https://evil.example/mcp' }, 'invalid_target'],
    ['a resource with a fragment', { resource: `${url}/mcp#x` }, 'invalid_target'],
    ['a resource that steps up', { resource: `${url}/mcp/../oauth` }, 'invalid_target'],
    ['only unknown scopes (§3.3)', { scope: 'root everything' }, 'invalid_scope'],
    ['a response in the fragment', { response_mode: 'fragment' }, 'invalid_request'],
    ['a response as a form', { response_mode: 'form_post' }, 'invalid_request'],
    ['a state beyond measure', { state: 's'.repeat(3000) }, 'invalid_request'],
  ]
  for (const [what, changes, error] of wrong) {
    const back = readWayBack(await client.open(changes))
    t.equal(back?.searchParams.get('error'), error, what)
    t.equal(back?.searchParams.get('iss'), url, 'RFC 9207')
    t.equal(back?.searchParams.get('code'), null)
    t.match(back?.href, client.redirectUri)
  }
  const repeated = await client.browser.open(`${client.createAuthorizeUrl()}&scope=a&scope=b`)
  t.match(readWayBack(repeated)?.searchParams.get('error'), 'invalid_request', 'a repeated parameter (§3.1)')
})

test('the port of a loopback redirect URI may differ (RFC 8252 §7.3)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url, 'http://127.0.0.1/callback')
  const response = await client.authorize({ redirect_uri: 'http://127.0.0.1:51234/callback' })
  t.equal(response.port, '51234')
  t.ok(response.searchParams.get('code'))
})

test('the consent page names the client, and cannot be framed or scripted (RFC 9700 §4.16, PrefectHQ/fastmcp#3418)', async (t) => {
  const { url, sentry } = await startService(t)
  const registered = await fetch(`${url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: `<script>alert(1)</script>"'&\u202e\u0007`,
      redirect_uris: ['https://app.example/callback'],
    }),
  })
  const { client_id } = (await registered.json()) as { client_id: string }
  const client = await registerClient(url)
  const arrival = await client.open({
    client_id,
    redirect_uri: 'https://app.example/callback',
    resource: `${url}/mcp/acme/web`,
  })
  if (arrival.kind !== 'page') return t.fail('the consent page is shown')
  const { html, headers, forms } = arrival.page
  t.notMatch(html, /<script/, 'the name is escaped')
  t.match(
    html,
    '<bdi>&lt;script&gt;alert(1)&lt;/script&gt;&amp;</bdi>',
    'it stands alone, without its quotes',
  )
  t.notOk(html.includes('\u202e') || html.includes('\u0007'), 'control and bidi characters are gone')
  t.match(html, 'app.example', 'where it leads')
  t.match(html, sentry.host, 'which Sentry')
  t.match(html, /acme/, 'what it is limited to')
  t.equal(forms.length, 1)
  t.match(headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/)
  t.notMatch(headers.get('content-security-policy'), /form-action/, 'form-action would break cursor://')
  t.equal(headers.get('x-frame-options'), 'DENY')
  t.equal(headers.get('cache-control'), 'no-store')
  t.match(
    headers.get('set-cookie'),
    /^sentry-mcp-tx-[\w-]{10}=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/,
  )
  const aboutUsers = sentry.requests.filter(({ path }) => path !== '/api/client-config/')
  t.equal(aboutUsers.length, 0, 'Sentry has heard nothing yet')
})

test('a HEAD request starts no transaction', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const response = await fetch(client.createAuthorizeUrl(), { method: 'HEAD' })
  t.equal(response.status, 404)
  t.equal(response.headers.get('set-cookie'), null)
})

test('the page for an unknown client says to add the server again', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const unknown = [
    'unknown',
    'c1.AAAA.BBBB',
    `c2.${'A'.repeat(43)}`,
    `${client.id.slice(0, -1)}!`,
    'undefined',
  ]
  for (const client_id of unknown) {
    const arrival = await client.open({ client_id })
    if (arrival.kind !== 'page') return t.fail('a page is shown')
    t.equal(arrival.page.status, 400)
    t.match(arrival.page.html, /does not know the client_id/)
    t.match(arrival.page.html, /Remove this server from your MCP client and add it again/, client_id)
    t.notMatch(arrival.page.html, /start the sign-in again/)
  }
  const elsewhere = await client.open({ redirect_uri: 'http://127.0.0.1:41998/other' })
  t.match(elsewhere, { page: { status: 400, html: /did not register it.*add it again/s } })
  const STATIC_CLIENTS = JSON.stringify([
    { client_id: 'several', redirect_uris: ['https://good.example/cb', 'https://good.example/2'] },
  ])
  const strict = await startService(t, { settings: { ...useEmbeddedStore(t), STATIC_CLIENTS } })
  const several = createTestClient(strict.url, 'several', 'https://good.example/cb')
  t.match(await several.open({ redirect_uri: undefined }), {
    page: { html: /report this to the developers/ },
  })
})

/** The link of an error page to the client; undefined if the page has none, or if the user saw no page. */
function readWayBack(arrival: Arrival): URL | undefined {
  if (arrival.kind !== 'page' || arrival.page.status !== 400) return undefined
  const href = /<a href="([^"]+)" rel="noreferrer">/.exec(arrival.page.html)?.[1]
  return href === undefined ? undefined : new URL(href.replaceAll('&amp;', '&'))
}
