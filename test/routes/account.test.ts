import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { createKeyPrefix, createKeys } from '../../lib/store/keys.ts'
import { type Browser, createBrowser, type Page } from '../sandbox/browser/browser.ts'
import { registerClient } from '../support/client.ts'
import { listEvents } from '../support/log.ts'
import { postMcp } from '../support/mcp.ts'
import { type Service, startService, useEmbeddedStore, useRedisStore } from '../support/service.ts'
import { startServiceWithStore } from '../support/shared-store.ts'

const OLE = { id: '2002', name: 'Ole Brandt', email: 'ole@lantern.example' }

const listTools = (url: string, token: string) => postMcp(`${url}/mcp`, token, 'tools/list')

test('without a click the page shows nothing of the user and sends nothing to Sentry', async (t) => {
  const { url, sentry } = await startService(t)
  await (await registerClient(url)).signIn()
  const before = sentry.requests.length
  const page = await open(createBrowser(), `${url}/account`)
  t.equal(page.status, 200)
  t.match(page.html, `Sign in at ${sentry.host}`)
  t.notMatch(page.html, /Test client/)
  t.equal(sentry.requests.length, before)
  t.same(
    page.forms.map(({ action }) => action.pathname),
    ['/account/sign-in'],
  )
})

test('the account sign-in requests no scope and keeps no token', async (t) => {
  const { url, sentry, log } = await startService(t)
  const browser = createBrowser()
  const page = await signIn(browser, url)
  t.match(page, { url: { pathname: '/account' }, status: 200 })
  t.match(page.html, /Signed in at .* as <bdi>Mara Lind<\/bdi>\./)
  t.match(page.html, /No client is connected\./)
  const [authorize] = sentry.requests.filter(({ path }) => path === '/oauth/authorize/')
  t.equal(authorize?.query.scope, '', 'no scope is asked for')
  t.same(listEvents(log), ['account_signed_in'])
  t.match(
    sentry.requests.at(-1),
    { path: '/oauth/revoke/', status: 200 },
    'and what Sentry gave is given back',
  )
  for (const { headers } of browser.chain) t.notMatch(headers.authorization ?? '', /Bearer/)
})

test('the page says when Sentry’s own tokens end, since no release revokes them (getsentry/sentry#53809)', async (t) => {
  const { url, sentry } = await startService(t, { sentry: { release: '26.8.0' } })
  const client = await registerClient(url)
  await client.signIn()
  const browser = createBrowser()
  const page = await signIn(browser, url)
  const question = await press(browser, page, 'Revoke …')
  t.match(question.html, 'Most releases of Sentry cannot revoke such access before it ends.')
  const [, ends = ''] = /Ends at Sentry<\/dt><dd><time datetime="([^"]+)"/.exec(page.html) ?? []
  const days = (Date.parse(ends) - Date.now()) / 86_400_000
  t.ok(days > 29 && days <= 30, `${days} days`)
  t.ok(sentry.requests.length > 0)
})

test('the session is a sealed cookie, valid in one browser for 15 minutes', async (t) => {
  const { url } = await startService(t)
  const browser = createBrowser()
  await signIn(browser, url)
  const [callback] = browser.chain.filter(({ url }) => url.includes('/oauth/callback'))
  t.ok(callback)
  const jar = browser.jar.write({ url: new URL(`${url}/account`), method: 'GET', isCrossSite: false }) ?? ''
  const cookies = new Map(jar.split('; ').map((pair) => pair.split('=') as [string, string]))
  const session = cookies.get('sentry-mcp-account') ?? ''
  t.match(session, /^v1\.[\w-]{6}\.[\w-]+$/)

  const show = async (cookie: string) => (await fetch(`${url}/account`, { headers: { cookie } })).text()
  const own = `sentry-mcp=${cookies.get('sentry-mcp')}`
  t.match(await show(`${own}; sentry-mcp-account=${session}`), /Signed in at/)
  for (const [what, cookie] of [
    ['another browser', `sentry-mcp=${'a'.repeat(43)}; sentry-mcp-account=${session}`],
    ['no browser', `sentry-mcp-account=${session}`],
    ['an altered session', `${own}; sentry-mcp-account=${session.slice(0, -4)}AAAA`],
    ['a made-up one', `${own}; sentry-mcp-account=v1.abcdef.AAAA`],
    ['a foreign key', `${own}; sentry-mcp-account=v1.AAAAAA.${'A'.repeat(80)}`],
    ['nonsense', `${own}; sentry-mcp-account=%00%ff`],
  ] as const) {
    const html = await show(cookie)
    t.match(html, /Sign in at/, what)
    t.notMatch(html, /Signed in at/, what)
  }
})

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  test(`a user sees their own clients, and revokes one or all (${useStore.name})`, async (t) => {
    const service = await startService(t, { settings: await useStore(t) })
    const { url, sentry } = service
    const client = await registerClient(url)
    const whole = await client.signIn()
    const limited = await client.signIn({ resource: `${url}/mcp/tidewater/storefront` })
    sentry.setUser(OLE)
    const foreign = await (await registerClient(url, 'http://127.0.0.1:41997/callback')).signIn()
    sentry.setUser({ id: '1001', name: 'Mara Lind', email: 'mara@tidewater.example' })

    const browser = createBrowser()
    const page = await signIn(browser, url)
    t.match(page.html, /project <strong>storefront<\/strong> of organization <strong>tidewater<\/strong>/)
    t.match(page.html, 'everything you can see at Sentry')
    t.match(
      page.html,
      'Look at issues, events and projects; ask Seer; work on issues; manage projects and teams',
    )
    t.match(page.html, /<time datetime="\d{4}-\d\d-\d\dT[\d:.]+Z">\d+ \w+ \d{4}, \d\d:\d\d:\d\d UTC<\/time>/)
    t.equal(countRevokeButtons(page), 3, 'one for each of both, and one for all')

    const question = await press(browser, page, 'Revoke …')
    t.match(question.html, 'Revoke the access of this client?')
    t.equal((await listTools(url, whole.access_token)).status, 200, 'nothing ends before it is confirmed')
    const after = await press(browser, question, 'Revoke')
    t.equal(after.url.pathname, '/account', 'post, redirect, get')
    t.equal(browser.chain.at(-2)?.status, 303)
    t.match(after.html, 'The access was revoked.')
    t.equal(countRevokeButtons(after), 1, 'with a single one there is nothing to gather')
    t.equal((await postMcp(`${url}/mcp/tidewater/storefront`, limited.access_token, 'ping')).status, 401)
    t.equal((await listTools(url, whole.access_token)).status, 200)

    await client.signIn()
    const both = await press(browser, await open(browser, `${url}/account`), 'Revoke all …')
    t.match(both.html, 'Revoke the access of 2 clients?')
    const all = await press(browser, both, 'Revoke all')
    t.match(all.html, /No client is connected/)
    t.equal((await listTools(url, whole.access_token)).status, 401)
    t.equal((await listTools(url, foreign.access_token)).status, 200, 'other users keep their grants')
    t.equal(countEvents(service, 'grant_revoked: user_request'), 3)
  })
}

test('two entries of one client can be told apart: by browser, system and second, and by the program behind it', async (t) => {
  const { url, store } = await startServiceWithStore(t)
  const client = await registerClient(url)
  await client.signIn()
  const web = await registerClient(url, 'https://agents.example.com/callback')
  await web.signIn()
  const [first] = await store.listGrants('1001')
  if (first === undefined) throw new Error('The sign-in made no grant.')
  t.equal(first.browser, 'Chrome on Linux')
  const browser = createBrowser()
  const { html } = await signIn(browser, url)
  t.match(html, /\d\d:\d\d:\d\d UTC<\/time>, with Chrome on Linux/)
  t.match(html, '<dt>Program</dt><dd>on a computer</dd>')
  t.match(html, '<dt>Program</dt><dd>at <strong>agents.example.com</strong></dd>')
})

test('a client that requires a new sign-in is marked', async (t) => {
  const { url, store } = await startServiceWithStore(t)
  await (await registerClient(url)).signIn()
  const [grant] = await store.listGrants('1001')
  await store.requireSignIn(grant?.id ?? '', 0)
  t.match((await signIn(createBrowser(), url)).html, /Sentry no longer accepts its sign-in/)
})

test('"last used" is the last call, recorded at most once a minute', async (t) => {
  const { url, store, redis } = await startServiceWithStore(t)
  const { access_token } = await (await registerClient(url)).signIn()
  const [grant] = await store.listGrants('1001')
  const readUse = async () => (await store.readGrant(grant?.id ?? ''))?.lastUsedAt ?? 0
  const key = createKeys(createKeyPrefix(url)).grant(grant?.id ?? '')
  const now = Date.now()
  await redis.hset(key, 'used', now - 50_000)
  await listTools(url, access_token)
  t.equal(await readUse(), now - 50_000)
  await redis.hset(key, 'used', now - 3_600_000)
  await listTools(url, access_token)
  while ((await readUse()) < now) await sleep(5)
  t.ok((await readUse()) >= now)
})

test("a user cannot revoke another user's grant (OWASP API1, object level authorization)", async (t) => {
  const { url, sentry, store } = await startServiceWithStore(t)
  sentry.setUser(OLE)
  const { access_token } = await (await registerClient(url)).signIn()
  const [foreign] = await store.listGrants('2002')
  sentry.setUser({ id: '1001', name: 'Mara Lind', email: 'mara@tidewater.example' })
  await (await registerClient(url, 'http://127.0.0.1:41997/callback')).signIn()
  const browser = createBrowser()
  const page = await signIn(browser, url)
  const form = page.forms.find(({ action }) => action.pathname === '/account/revoke')
  const [button] = form?.buttons ?? []
  if (form === undefined || button === undefined) return t.fail('there is a button')
  const arrival = await browser.submit(page, form, { ...button, value: foreign?.id ?? '' })
  t.equal(arrival.kind === 'page' && arrival.page.url.pathname, '/account', 'there is nothing to confirm')
  const question = await press(browser, page, 'Revoke …')
  const [confirmation] = question.forms
  const [confirm] = confirmation?.buttons ?? []
  if (confirmation === undefined || confirm === undefined) return t.fail('there is a question')
  for (const field of confirmation.fields) if (field.name === 'grant') field.value = foreign?.id ?? ''
  await browser.submit(question, confirmation, confirm)
  t.equal((await listTools(url, access_token)).status, 200)
  t.equal((await store.listGrants('1001')).length, 1)
})

test('a form from another origin or browser is refused (CSRF)', async (t) => {
  const { url, store } = await startServiceWithStore(t)
  await (await registerClient(url)).signIn()
  const browser = createBrowser()
  const page = await signIn(browser, url)
  const cookie = browser.jar.write({ url: page.url, method: 'POST', isCrossSite: false }) ?? ''
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? ''
  const post = (path: string, headers: Record<string, string>, token = csrf) =>
    fetch(`${url}/account/${path}`, {
      method: 'POST',
      redirect: 'manual',
      headers,
      body: new URLSearchParams({ csrf: token, grant: 'all', confirmed: 'yes' }),
    })

  for (const path of ['sign-in', 'revoke', 'sign-out']) {
    const wrong: [string, Response][] = [
      ['a foreign origin', await post(path, { cookie, origin: 'https://evil.example' })],
      ['an opaque origin', await post(path, { cookie, origin: 'null' })],
      ['neither Origin nor Sec-Fetch-Site', await post(path, { cookie })],
      ['another site', await post(path, { cookie, 'sec-fetch-site': 'cross-site' })],
      ['a token that is invalid', await post(path, { cookie, origin: url }, 'x'.repeat(28))],
      ['no cookie', await post(path, { origin: url })],
      ['another browser', await post(path, { cookie: `sentry-mcp=${'a'.repeat(43)}`, origin: url })],
    ]
    for (const [what, response] of wrong) t.equal(response.status, 403, `${path}: ${what}`)
    t.equal((await fetch(`${url}/account/${path}`)).status, 404, `${path}: no GET does anything`)
  }
  t.equal((await store.listGrants('1001')).length, 1)
  const response = await post('revoke', { cookie, origin: url })
  t.equal(response.status, 303)
  t.equal((await store.listGrants('1001')).length, 0)
})

test('after sign-out or expiry nothing is shown and nothing is revoked', async (t) => {
  const { url, store } = await startServiceWithStore(t)
  await (await registerClient(url)).signIn()
  const browser = createBrowser()
  const page = await signIn(browser, url)
  const out = await press(browser, page, 'Sign out of this page')
  t.match(out.html, /Sign in at/)
  t.notMatch(out.html, /Test client/)
  const again = await press(browser, page, 'Revoke …')
  t.match(again.html, /Sign in at/, 'the old page leads to the sign-in')
  t.equal((await store.listGrants('1001')).length, 1)
})

test('the account sign-in is bound to its browser and works once (CVE-2026-27124)', async (t) => {
  const { url, sentry } = await startService(t)
  const browser = createBrowser()
  await signIn(browser, url)
  const callback = browser.chain.find((visit) => visit.url.includes('/oauth/callback'))?.url ?? ''
  t.equal((await open(browser, callback)).status, 400, 'once')

  const attacker = createBrowser()
  const page = await open(attacker, `${url}/account`)
  sentry.forgetApprovals()
  const atSentry = await press(attacker, page, `Sign in at ${sentry.host}`)
  const victim = createBrowser()
  const lured = await press(victim, await open(victim, atSentry.url.href), 'Approve')
  t.equal(lured.status, 403, 'a victim who is sent into it does not sign in')
})

test('a failure at Sentry is shown on a page, and not sent to a client', async (t) => {
  const { url, sentry } = await startService(t)
  const denied = createBrowser()
  const atSentry = await press(denied, await open(denied, `${url}/account`), `Sign in at ${sentry.host}`)
  const page = await press(denied, atSentry, 'Deny')
  t.match(page, { status: 403, html: /did not allow access at Sentry/ })

  sentry.fail('POST /oauth/token/', { kind: 'status', status: 502 })
  const failed = await signIn(createBrowser(), url)
  t.equal(failed.status, 503)
  t.match(failed.headers.get('retry-after'), /\d/)
})

test('the page cannot be framed, scripted or cached, and escapes client names', async (t) => {
  const { url, store } = await startServiceWithStore(t)
  await (await registerClient(url)).signIn()
  const [grant] = await store.listGrants('1001')
  if (grant === undefined) throw new Error('The sign-in made no grant.')
  const hostile = { ...grant, id: 'x'.repeat(43), clientName: `<img src=x onerror=alert(1)>"'` }
  await store.createGrant(hostile, 60_000)
  await store.activateGrant(hostile, 'refresh', 60_000, 20)
  const page = await signIn(createBrowser(), url)
  t.notMatch(page.html, /<img (?!src="\/icon\.png")|<script/)
  t.match(page.html, '&lt;img src=x onerror=alert(1)&gt;&quot;&#39;')
  t.match(page.headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/)
  t.equal(page.headers.get('x-frame-options'), 'DENY')
  t.equal(page.headers.get('cache-control'), 'no-store')
})

async function open(browser: Browser, url: string): Promise<Page> {
  const arrival = await browser.open(url)
  if (arrival.kind !== 'page') throw new Error('It led to a client.')
  return arrival.page
}

/** Presses the first button with that label. */
async function press(browser: Browser, page: Page, label: string): Promise<Page> {
  for (const form of page.forms) {
    const button = form.buttons.find((candidate) => candidate.label === label)
    if (button === undefined) continue
    const arrival = await browser.submit(page, form, button)
    if (arrival.kind === 'page') return arrival.page
  }
  throw new Error(`${page.url} has no button "${label}".`)
}

/** Signs in to the account page, and approves at Sentry where it asks. */
async function signIn(browser: Browser, url: string): Promise<Page> {
  const page = await open(browser, `${url}/account`)
  const label = page.forms[0]?.buttons[0]?.label ?? ''
  const next = await press(browser, page, label)
  return next.url.pathname === '/oauth/authorize/' ? press(browser, next, 'Approve') : next
}

function countRevokeButtons({ forms }: Page): number {
  return forms.flatMap(({ buttons }) => buttons).filter(({ label }) => label.startsWith('Revoke')).length
}

function countEvents({ log }: Service, event: string): number {
  return listEvents(log).filter((one) => one === event).length
}
