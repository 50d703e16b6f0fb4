import { test } from 'tap'
import { loadMcpCore } from '../../../lib/mcp/core/load.ts'
import type { Browser, Page } from '../../sandbox/browser/browser.ts'
import { createBrowser } from '../../sandbox/browser/browser.ts'
import { findUnchecked, tickRequired } from '../../sandbox/browser/html-form.ts'
import { registerClient, type TestClient } from '../../support/client.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

async function openConsent(client: TestClient): Promise<Page> {
  const arrival = await client.open()
  if (arrival.kind !== 'page') throw new Error('The consent page was not shown.')
  return arrival.page
}

function press(browser: Browser, page: Page, decision: 'allow' | 'deny') {
  const [form] = page.forms
  const button = form?.buttons.find(({ value }) => value === decision)
  if (form === undefined || button === undefined) throw new Error('There is no such button.')
  return browser.submit(page, tickRequired(form), button)
}

/** Posts the fields of a consent page with headers of the test's choice. */
function post(page: Page, headers: Record<string, string>, changes: Record<string, string> = {}) {
  const [form] = page.forms
  if (form === undefined) throw new Error('There is no form.')
  const fields = Object.fromEntries(
    [...page.html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [
      name ?? '',
      value ?? '',
    ]),
  )
  return fetch(form.action, {
    method: 'POST',
    redirect: 'manual',
    headers,
    body: new URLSearchParams({
      ...fields,
      skill: 'inspect',
      confirmed: 'yes',
      decision: 'allow',
      ...changes,
    }),
  })
}

function readCookie(page: Page): string {
  return page.headers.get('set-cookie')?.split(';')[0] ?? ''
}

test('the user is sent to Sentry only after allowing on the consent page (GHSA-c2jp-c369-7pvx, getsentry/sentry-mcp#513)', async (t) => {
  const { url, sentry } = await startService(t)
  const client = await registerClient(url)
  await client.signIn()
  const before = sentry.requests.length
  const page = await openConsent(client)
  t.equal(sentry.requests.length, before, 'a returning user is asked again')
  t.equal(
    (await press(client.browser, page, 'allow')).kind,
    'client',
    'Sentry lets a returning user through silently',
  )
})

test('a consent form from another origin or browser is refused (PrefectHQ/fastmcp#3519)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const page = await openConsent(client)
  const cookie = readCookie(page)

  t.equal((await post(page, { cookie, origin: 'https://evil.example' })).status, 403, 'a foreign Origin')
  t.equal((await post(page, { cookie, origin: 'null' })).status, 403, 'an opaque Origin')
  t.equal((await post(page, { cookie })).status, 403, 'neither Origin nor Sec-Fetch-Site')
  t.equal((await post(page, { cookie, 'sec-fetch-site': 'cross-site' })).status, 403)
  t.equal((await post(page, { cookie, origin: url }, { csrf: 'x' })).status, 403, 'a token that is invalid')
  t.equal((await post(page, { origin: url })).status, 403, 'no cookie')
  t.equal(
    (await post(page, { cookie: cookie.replace(/=.*/, `=${'a'.repeat(43)}`), origin: url })).status,
    403,
    "a victim's cookie",
  )
  t.equal((await post(page, { cookie, origin: url })).status, 303, 'the page itself still works afterwards')
})

test('a consent page loaded twice works twice (PrefectHQ/fastmcp#4818)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const first = await openConsent(client)
  await openConsent(client)
  t.equal((await press(client.browser, first, 'allow')).kind, 'page', 'it leads on to Sentry')
})

test('only the browser that consented can return from Sentry (CVE-2026-27124, GHSA-rww4-4w9c-7733)', async (t) => {
  const { url, sentry } = await startService(t)
  const attacker = await registerClient(url)
  const page = await openConsent(attacker)
  const response = await post(page, { cookie: readCookie(page), origin: url })
  const sentryUrl = response.headers.get('location') ?? ''
  t.match(sentryUrl, sentry.url)

  const victim = createBrowser()
  const atSentry = await victim.open(sentryUrl)
  if (atSentry.kind !== 'page') return t.fail("Sentry's page is shown")
  const [form] = atSentry.page.forms
  const approve = form?.buttons.find(({ value }) => value === 'approve')
  if (form === undefined || approve === undefined) return t.fail('Sentry asks')
  const end = await victim.submit(atSentry.page, form, approve)
  t.match(end, { kind: 'page', page: { status: 403 } }, "the victim's browser is stopped")

  const own = await attacker.browser.open(sentryUrl)
  t.equal(own.kind, 'client', 'the sign-in is still good in the browser it was begun in')
})

test('a callback works once, and only for a transaction of this server (RFC 9700 §4.7, getsentry/sentry-mcp#625)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  await client.authorize()
  const callback = client.browser.chain.find((visit) => visit.url.includes('/oauth/callback'))?.url ?? ''
  const again = await client.browser.open(callback)
  t.match(again, { kind: 'page', page: { status: 400 } })

  for (const query of ['', '?code=x', '?code=x&state=short', `?code=x&state=${'A'.repeat(43)}`]) {
    const arrival = await client.browser.open(`${url}/oauth/callback${query}`)
    t.match(arrival, { kind: 'page', page: { status: 400 } }, `a callback with ${query || 'nothing'}`)
  }
})

test('the client gets exactly the ticked skills', async (t) => {
  const { url } = await startService(t, {})
  const client = await registerClient(url)
  const page = await openConsent(client)
  const nothing = await post(page, { cookie: readCookie(page), origin: url }, { skill: 'no-such-skill' })
  t.equal(nothing.status, 400, 'nothing ticked')
  t.match(await nothing.text(), /tick at least one/)
})

test('allowing takes a second gesture, without script, and denying does not (double-clickjacking)', async (t) => {
  const { url, sentry } = await startService(t)
  const client = await registerClient(url)
  const page = await openConsent(client)
  t.match(page.html, /<input type="checkbox" name="confirmed" value="yes" required>/)
  const [form] = page.forms
  const [deny, allow] = form?.buttons ?? []
  if (form === undefined || deny === undefined || allow === undefined) return t.fail('there is a form')
  t.match(findUnchecked(form, allow), { name: 'confirmed' }, 'the browser asks for it')
  t.equal(findUnchecked(form, deny), undefined)

  const headers = { cookie: readCookie(page), origin: url }
  for (const confirmed of ['', 'no', 'on', 'yes yes']) {
    t.equal((await post(page, headers, { confirmed })).status, 400, `confirmed=${confirmed}`)
  }
  const fields = { transaction: '', csrf: '' }
  for (const { name, value } of form.fields) if (name in fields) Object.assign(fields, { [name]: value })
  const body = new URLSearchParams({ ...fields, skill: 'inspect', decision: 'allow' })
  const single = await fetch(form.action, { method: 'POST', redirect: 'manual', headers, body })
  t.equal(single.status, 400, 'a button alone')
  t.match(await single.text(), /did not confirm/)
  const aboutUsers = sentry.requests.filter(({ path }) => path !== '/api/client-config/')
  t.equal(aboutUsers.length, 0)
  t.equal((await post(page, headers)).status, 303, 'going back and ticking works')
  t.equal((await client.authorize({}, { consent: 'deny' })).searchParams.get('error'), 'access_denied')
})

test('the consent page of a read-only server says so', async (t) => {
  for (const READ_ONLY of ['true', 'false']) {
    const { url } = await startService(t, { settings: { ...useEmbeddedStore(t), READ_ONLY } })
    const { html } = await openConsent(await registerClient(url))
    t.equal(/This server is read-only/.test(html), READ_ONLY === 'true')
  }
})

test('the consent page counts the tools of each skill, and says how to take access back', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const { html } = await openConsent(client)
  const counts = [...html.matchAll(/(\d+) tools, of which (\d+) can change data\./g)]
  t.equal(counts.length, 4)
  t.match(html, `<a href="${url}/account">Your connected clients</a>`)
  const project = await client.open({ resource: `${url}/mcp/tidewater/storefront` })
  if (project.kind !== 'page') return t.fail('the consent page is shown')
  const [fewer] = [...project.page.html.matchAll(/(\d+) tools/g)]
  t.ok(Number(fewer?.[1]) < Number(counts[0]?.[1]), 'a project has fewer tools')
})

test('a skill whose tools are all disabled is not offered', async (t) => {
  const core = await loadMcpCore()
  const ofSkill = Object.values(core.tools).filter(({ skills }) => skills.includes('seer'))
  const DISABLED_TOOLS = ofSkill.map(({ name }) => name).join(',')
  const { url } = await startService(t, { settings: { ...useEmbeddedStore(t), DISABLED_TOOLS } })
  const { html } = await openConsent(await registerClient(url))
  t.notMatch(html, 'value="seer"')
  t.match(html, 'value="inspect"')
})

test('a form of another media type is refused', async (t) => {
  const { url } = await startService(t)
  const response = await fetch(`${url}/oauth/consent`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: '{}',
  })
  t.equal(response.status, 400)
  t.match(response.headers.get('content-type'), /text\/html/, 'people get pages')
})

test('the last choice for a client is preselected, for that client only', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const readTicked = (page: Page) =>
    [...page.html.matchAll(/value="([\w-]+)" checked/g)].map(([, skill]) => skill)
  const first = await openConsent(client)
  t.equal(readTicked(first).length, 4, 'at first what the operator has')
  const [form] = first.forms
  const allow = form?.buttons.find(({ value }) => value === 'allow')
  if (form === undefined || allow === undefined) return t.fail('there is a form')
  for (const field of form.fields) field.checked = field.value === 'inspect'
  await client.browser.submit(first, tickRequired(form), allow)
  t.same(readTicked(await openConsent(client)), ['inspect'])
  const other = await registerClient(url, 'http://127.0.0.1:41997/callback')
  const arrival = await client.browser.open(other.createAuthorizeUrl())
  t.equal(arrival.kind === 'page' && readTicked(arrival.page).length, 4)
})

test('a skill that the requested scopes do not cover is not ticked', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const arrival = await client.open({ scope: 'org:read project:read' })
  if (arrival.kind !== 'page') return t.fail('the consent page is shown')
  t.match(arrival.page.html, /value="inspect" checked/)
  t.notMatch(arrival.page.html, /value="triage" checked/)
  t.notMatch(arrival.page.html, /value="project-management" checked/)
})
