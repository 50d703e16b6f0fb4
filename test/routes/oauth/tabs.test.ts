import { mock } from 'node:test'
import { test } from 'tap'
import { type Browser, createBrowser, type Page } from '../../sandbox/browser/browser.ts'
import { tickRequired } from '../../sandbox/browser/html-form.ts'
import { registerClient, type TestClient } from '../../support/client.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

const UNLIMITED = { RATE_LIMIT_OAUTH: '0' }

async function openConsent(client: TestClient, browser: Browser): Promise<Page> {
  const arrival = await browser.open(client.createAuthorizeUrl())
  if (arrival.kind !== 'page') throw new Error('The consent page was not shown.')
  return arrival.page
}

/**
 * Pages that the browser requested before it had any cookie: each response was made without the others, and the jar has
 * them all.
 */
async function openAtOnce(browser: Browser, url: string, count: number): Promise<Page[]> {
  const tabs = Array.from({ length: count }, () => createBrowser())
  return Promise.all(
    tabs.map(async (tab) => {
      const arrival = await tab.open(url)
      if (arrival.kind !== 'page') throw new Error('No page was shown.')
      browser.jar.store(arrival.page.url, arrival.page.headers.getSetCookie())
      return arrival.page
    }),
  )
}

/** Presses a button, and approves at Sentry where it asks. */
async function press(browser: Browser, page: Page, value: string) {
  const [form] = page.forms
  const button = form?.buttons.find((candidate) => candidate.value === value)
  if (form === undefined || button === undefined) throw new Error('There is no such button.')
  const ticked = value === 'deny' ? form : tickRequired(form)
  const arrival = await browser.submit(page, ticked, button)
  if (arrival.kind !== 'page' || arrival.page.url.pathname !== '/oauth/authorize/') return arrival
  const [atSentry] = arrival.page.forms
  const approve = atSentry?.buttons.find((candidate) => candidate.value === 'approve')
  if (atSentry === undefined || approve === undefined) throw new Error('Sentry asks nothing.')
  return browser.submit(arrival.page, atSentry, approve)
}

function listTransactionCookies(browser: Browser) {
  return browser.jar.list().filter(({ name }) => name.startsWith('sentry-mcp-tx-'))
}

for (const order of ['first to last', 'last to first']) {
  test(`tabs that are opened at once can all be finished, ${order} (RFC 9700 §4.7.1, geelen/mcp-remote#68, better-auth/better-auth#11075)`, async (t) => {
    const { url } = await startService(t, { settings: { ...useEmbeddedStore(t), ...UNLIMITED } })
    const client = await registerClient(url)
    const pages = await openAtOnce(client.browser, client.createAuthorizeUrl(), 5)
    t.equal(listTransactionCookies(client.browser).length, 5)
    for (const page of order === 'first to last' ? pages : pages.reverse()) {
      const arrival = await press(client.browser, page, 'allow')
      if (arrival.kind !== 'client') return t.fail('the tab reaches its client')
      t.equal((await client.redeem(arrival.url.searchParams.get('code') ?? '')).status, 200)
    }
    t.equal(listTransactionCookies(client.browser).length, 0, 'finished ones leave no cookie')
  })
}

test('one tab is denied, the others can be finished', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const [first, second, third] = await openAtOnce(client.browser, client.createAuthorizeUrl(), 3)
  if (first === undefined || second === undefined || third === undefined) throw new Error('three tabs')
  const denied = await press(client.browser, second, 'deny')
  t.equal(denied.kind === 'client' && denied.url.searchParams.get('error'), 'access_denied')
  t.equal(listTransactionCookies(client.browser).length, 2)
  for (const page of [third, first]) t.equal((await press(client.browser, page, 'allow')).kind, 'client')
})

test('the cookie of one transaction finishes no other (RFC 9700 §4.7.1)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const mine = await openConsent(client, client.browser)
  const foreign = createBrowser()
  await openConsent(client, foreign)
  t.match(await press(foreign, mine, 'allow'), { kind: 'page', page: { status: 403 } })
  t.match(await press(foreign, mine, 'deny'), { kind: 'page', page: { status: 403 } })
  t.equal((await press(client.browser, mine, 'allow')).kind, 'client', 'it was not harmed')
})

test('a finished or expired sign-in says so, and not that the browser is another one', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const done = await openConsent(client, client.browser)
  await press(client.browser, done, 'allow')
  const expired = { kind: 'page', page: { status: 400, html: /has expired or was already used/ } }
  t.match(await press(client.browser, done, 'allow'), expired, 'Back, and Allow once more')
  t.match(await press(client.browser, done, 'deny'), expired)

  const kept = await openConsent(client, client.browser)
  mock.timers.enable({ apis: ['Date'], now: Date.now() + 601_000 })
  t.teardown(() => mock.timers.reset())
  t.equal(listTransactionCookies(client.browser).length, 0, 'the browser drops its cookie')
  t.match(await press(client.browser, kept, 'allow'), expired)
})

test('the cookies stay small with any number of sign-ins (PrefectHQ/fastmcp#3784)', async (t) => {
  const { url } = await startService(t, { settings: { ...useEmbeddedStore(t), ...UNLIMITED } })
  const { browser } = await registerClient(url)
  let last: Page | undefined
  for (let count = 0; count < 30; count += 1) {
    const client = await registerClient(url, `http://127.0.0.1:${41_000 + count}/callback`)
    last = await openConsent(client, browser)
    await browser.open(`${url}/account`)
  }
  const cookies = browser.jar.list().filter(({ name }) => name.startsWith('sentry-mcp'))
  t.ok(cookies.length <= 23)
  t.ok(cookies.map(({ name, value }) => `${name}=${value}`).join('; ').length < 2000)
  if (last === undefined) return
  browser.redirectUris.push('http://127.0.0.1:41029/callback')
  t.equal((await press(browser, last, 'allow')).kind, 'client', 'the newest still work')
})

test('tabs of the account page that are opened at once can all sign in (RFC 9700 §4.7.1)', async (t) => {
  const { url } = await startService(t)
  const browser = createBrowser()
  for (const page of await openAtOnce(browser, `${url}/account`, 3)) {
    const arrival = await press(browser, page, '')
    t.match(arrival, { kind: 'page', page: { status: 200, html: /Signed in at/ } })
  }
  const [stolen] = await openAtOnce(browser, `${url}/account`, 1)
  if (stolen === undefined) return
  t.match(await press(createBrowser(), stolen, ''), { page: { status: 403 } }, 'in another browser')
})
