import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { type Test, test } from 'tap'
import { registerClient } from '../support/client.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { startChromium } from './chromium.ts'
import { type SlowPath, startSlowPath } from './slow-path.ts'

/** A client's callback on loopback, with the queries of its calls. */
async function startCallback(t: Test) {
  const called: URLSearchParams[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (url.pathname === '/callback') called.push(url.searchParams)
    response.setHeader('content-type', 'text/html')
    response.end('<title>Back at the client</title>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`, called }
}

/** Ticks that the user has connected the client. */
function confirm(page: Page): Promise<void> {
  return page.getByRole('checkbox', { name: /I have just connected/ }).check()
}

/** The errors of a page; violated policies are among them. */
function collectComplaints(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    const isIcon = message.location().url.endsWith('/favicon.ico')
    if (message.type() === 'error' && !isIcon) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return complaints
}

test('a user signs in with a real browser', async (t) => {
  const { url } = await startService(t)
  const callback = await startCallback(t)
  const client = await registerClient(url, callback.uri)
  const page = await (await startChromium(t)).newPage()
  const complaints = collectComplaints(page)

  await page.goto(client.createAuthorizeUrl())
  t.match(await page.locator('bdi').textContent(), /Test client/)
  t.equal(await page.getByRole('checkbox').count(), 5, 'four skills and the confirmation')
  t.equal(
    await page.evaluate("getComputedStyle(document.querySelector('main')).borderTopLeftRadius"),
    '12px',
    'the style sheet is allowed by its hash',
  )
  await page.getByRole('checkbox', { name: /Manage projects/ }).uncheck()
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForTimeout(200)
  t.match(page.url(), /oauth\/authorize/, 'one click is not enough')
  await confirm(page)
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.waitForURL(/\/callback\?/)

  const [response] = callback.called
  t.equal(response?.get('state'), 'state of the client')
  t.equal(response?.get('iss'), url)
  const token = await client.redeem(response?.get('code') ?? '')
  t.equal(token.status, 200)
  t.same(complaints, [])
})

test('a user of another organization sees which account it was, and goes back by a link, in a real browser', async (t) => {
  const { url, sentry } = await startService(t, {
    settings: { ...useEmbeddedStore(t), ALLOWED_ORGANIZATIONS: 'tidewater-books' },
  })
  sentry.setUser({
    id: '1002',
    name: 'Nina Holt',
    email: 'nina@lantern.example',
    organizations: ['lantern-labs'],
  })
  const callback = await startCallback(t)
  const client = await registerClient(url, callback.uri)
  const page = await (await startChromium(t)).newPage()
  const complaints = collectComplaints(page)
  await page.goto(client.createAuthorizeUrl())
  await confirm(page)
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByRole('heading', { name: 'This account cannot use this server' }).waitFor()
  t.equal(await page.locator('bdi').textContent(), 'Nina Holt')
  t.same(callback.called, [], 'the client gets nothing before the user decides')
  await page.getByRole('link', { name: 'Go back to the client' }).click()
  await page.waitForURL(/\/callback\?/)
  t.match(Object.fromEntries(callback.called[0] ?? []), {
    error: 'access_denied',
    state: 'state of the client',
    iss: url,
  })
  t.same(
    complaints.filter((text) => !text.includes('403')),
    [],
  )
})

test('a user denies consent with a real browser', async (t) => {
  const { url } = await startService(t)
  const callback = await startCallback(t)
  const client = await registerClient(url, callback.uri)
  const page = await (await startChromium(t)).newPage()
  await page.goto(client.createAuthorizeUrl())
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.waitForURL(/\/callback\?/)
  t.equal(callback.called[0]?.get('error'), 'access_denied')
})

test('reload, back and a second press of Allow break nothing (PrefectHQ/fastmcp#4818)', async (t) => {
  const { url } = await startService(t)
  const callback = await startCallback(t)
  const client = await registerClient(url, callback.uri)
  const page = await (await startChromium(t)).newPage()
  await page.goto(client.createAuthorizeUrl())
  await page.reload()
  await confirm(page)
  await page.getByRole('button', { name: 'Allow' }).click()
  // Going back before the other site has loaded fails in the driver, not in a user's browser.
  await page.getByRole('button', { name: 'Approve' }).waitFor()
  await page.goBack()
  await confirm(page)
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.waitForURL(/\/callback\?/)
  t.ok(callback.called[0]?.get('code'))
})

/** A service whose public URL is at the end of a slow path. */
async function startSlowService(t: Test, path: SlowPath): Promise<void> {
  const settings = { ...useEmbeddedStore(t), BASE_URL: path.url }
  const { url, sentry } = await startService(t, { settings })
  sentry.redirectUris.push(`${path.url}/oauth/callback`)
  path.connect(url)
}

/** Presses a button once the page that has it is there, and approves at Sentry where it asks. */
async function press(page: Page, name: RegExp): Promise<void> {
  await page.getByRole('button', { name }).click()
}

test('three tabs that a browser opens at once, 300 ms from the server, can all be finished (RFC 9700 §4.7.1, geelen/mcp-remote#68, better-auth/better-auth#11075)', async (t) => {
  const path = await startSlowPath(t, 300)
  await startSlowService(t, path)
  const callback = await startCallback(t)
  const client = await registerClient(path.url, callback.uri)
  const context = await (await startChromium(t)).newContext()
  const tabs = await Promise.all([context.newPage(), context.newPage(), context.newPage()])
  await Promise.all(tabs.map((tab, index) => tab.goto(client.createAuthorizeUrl({ state: `tab ${index}` }))))
  t.equal((await context.cookies()).length, 3, 'no request had the cookie of another')

  const [denied, ...others] = tabs
  if (denied === undefined) return
  await press(denied, /Deny/)
  await denied.waitForURL(/error=access_denied/)
  for (const tab of others) {
    await confirm(tab)
    await press(tab, /Allow/)
    const approve = tab.getByRole('button', { name: 'Approve' })
    await Promise.race([approve.waitFor(), tab.waitForURL(/\/callback\?/)])
    if (await approve.isVisible()) await approve.click()
    await tab.waitForURL(/\/callback\?.*code=/)
  }
  for (const called of callback.called.filter((query) => query.has('code')))
    t.equal((await client.redeem(called.get('code') ?? '')).status, 200)
  t.same(callback.called.map((query) => query.get('state')).sort(), ['tab 0', 'tab 1', 'tab 2'])
  t.same(await context.cookies().then((all) => all.filter(({ name }) => name.includes('-tx-'))), [])
})

test('two tabs of the account page that a browser opens at once can both sign in', async (t) => {
  const path = await startSlowPath(t, 300)
  await startSlowService(t, path)
  const context = await (await startChromium(t)).newContext()
  const tabs = await Promise.all([context.newPage(), context.newPage()])
  await Promise.all(tabs.map((tab) => tab.goto(`${path.url}/account`)))
  for (const tab of tabs) {
    await press(tab, /Sign in at/)
    const approve = tab.getByRole('button', { name: 'Approve' })
    const signedIn = tab.getByText('Signed in at')
    await Promise.race([approve.waitFor(), signedIn.waitFor()])
    if (await approve.isVisible()) await approve.click()
    await signedIn.waitFor()
  }
  t.pass('both are signed in')
})

test('the consent page cannot be framed (RFC 9700 §4.16)', async (t) => {
  const { url } = await startService(t)
  const client = await registerClient(url)
  const page = await (await startChromium(t)).newPage()
  const attacker = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(`<iframe src="${client.createAuthorizeUrl().replaceAll('&', '&amp;')}"></iframe>`)
  })
  await new Promise<void>((resolve) => attacker.listen(0, '127.0.0.1', resolve))
  t.teardown(() => attacker.close())
  await page.goto(`http://127.0.0.1:${(attacker.address() as AddressInfo).port}/`)
  await page.waitForTimeout(500)
  const texts = await Promise.all(page.frames().map((frame) => frame.content().catch(() => '')))
  t.notOk(texts.some((text) => text.includes('name="decision"')))
})
