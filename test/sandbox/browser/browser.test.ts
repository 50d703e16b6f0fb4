import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Test, test } from 'tap'
import { type Arrival, type Browser, createBrowser, type Page } from './browser.ts'
import { createCookieJar } from './cookie-jar.ts'

const FORM =
  '<form method="post" action="/posted"><input type="hidden" name="a" value="1&amp;2"><button>Go</button></form>'

/** Starts a site on loopback and returns its port. */
async function startSite(
  t: Test,
  respond: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<number> {
  const server = createServer(respond)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

function getPage(arrival: Arrival): Page {
  if (arrival.kind !== 'page') throw new Error(`The browser stopped at ${arrival.url.href}.`)
  return arrival.page
}

function press(browser: Browser, page: Page, name?: string, value?: string): Promise<Arrival> {
  const [form] = page.forms
  const button = form?.buttons.find(
    (candidate) => candidate.name === name && (value ?? '') === candidate.value,
  )
  if (form === undefined || button === undefined) throw new Error('There is no such button.')
  return browser.submit(page, form, button)
}

test('cookies: prefixes, Secure, Path, SameSite and expiry (RFC 6265bis)', (t) => {
  const jar = createCookieJar()
  const http = new URL('http://localhost/oauth/authorize')
  const https = new URL('https://localhost/oauth/authorize')
  jar.store(http, [
    'plain=1; Path=/',
    'secure=1; Secure; Path=/',
    '__Host-a=1; Path=/',
    'none=1; SameSite=None',
  ])
  t.same(
    jar.list().map(({ name }) => name),
    ['plain'],
    'http keeps nothing that needs https',
  )
  jar.store(https, [
    '__Host-b=1; Secure; Path=/',
    '__Host-c=1; Secure; Path=/oauth',
    '__Host-d=1; Secure; Path=/; Domain=localhost',
    '__Secure-e=1; Path=/',
    'foreign=1; Domain=example.com',
    'strict=1; SameSite=Strict; Path=/; HttpOnly',
    'narrow=1; Path=/oauth/consent',
    'relative=1',
    'gone=1; Max-Age=0',
  ])
  t.same(
    jar.list().map(({ name }) => name),
    ['plain', '__Host-b', 'strict', 'narrow', 'relative'],
  )
  t.equal(jar.list().find(({ name }) => name === 'relative')?.path, '/oauth')
  t.ok(jar.list().find(({ name }) => name === 'strict')?.httpOnly)

  const write = (url: string, method: string, isCrossSite: boolean) =>
    jar.write({ url: new URL(url), method, isCrossSite })
  t.equal(
    write('https://localhost/oauth/consent', 'POST', false),
    'narrow=1; relative=1; plain=1; __Host-b=1; strict=1',
  )
  t.equal(
    write('https://localhost/', 'GET', true),
    'plain=1; __Host-b=1',
    'Lax goes with a navigation, Strict does not',
  )
  t.equal(write('https://localhost/', 'POST', true), undefined)
  t.equal(write('http://localhost:1234/', 'GET', false), 'plain=1; strict=1', 'ports do not separate cookies')
  t.equal(write('https://127.0.0.1/', 'GET', false), undefined, 'hosts do')
  jar.store(https, ['plain=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'])
  t.notOk(jar.list().some(({ name }) => name === 'plain'))
  t.end()
})

test('a form is posted with Origin, Referer and Sec-Fetch headers, and redirects turn into GET', async (t) => {
  const received: IncomingMessage[] = []
  let posted = ''
  const other = await startSite(t, (request, response) => {
    received.push(request)
    response.writeHead(302, { location: `http://127.0.0.1:${port}/back` }).end()
  })
  const port: number = await startSite(t, (request, response) => {
    received.push(request)
    request.on('data', (chunk) => {
      posted += chunk
    })
    if (request.url === '/posted')
      response.writeHead(303, { location: `http://localhost:${other}/away` }).end()
    else response.setHeader('set-cookie', 'strict=1; SameSite=Strict; Path=/').end(FORM)
  })
  const browser = createBrowser()
  const page = getPage(await browser.open(`http://127.0.0.1:${port}/page?x=1`))
  const [first] = received
  t.equal(first?.headers['sec-fetch-site'], 'none')
  t.equal(first?.headers.origin, undefined)

  await press(browser, page)
  const [, post, away, back] = received
  t.equal(posted, 'a=1%262')
  t.equal(post?.headers.origin, `http://127.0.0.1:${port}`)
  t.equal(post?.headers.referer, `http://127.0.0.1:${port}/page?x=1`)
  t.equal(post?.headers['sec-fetch-site'], 'same-origin')
  t.equal(post?.headers.cookie, 'strict=1')
  t.equal(away?.method, 'GET')
  t.equal(away?.headers['sec-fetch-site'], 'cross-site')
  t.equal(away?.headers.origin, undefined)
  t.equal(away?.headers.referer, `http://127.0.0.1:${port}/`, 'only the origin for another site')
  t.equal(back?.headers['sec-fetch-site'], 'cross-site', 'a redirect through another site stays cross-site')
  t.equal(back?.headers.cookie, undefined, 'and carries no Strict cookie')
})

test('no-referrer makes the Origin of a form null, and form-action holds for redirects', async (t) => {
  let headers: Record<string, string> = { 'referrer-policy': 'no-referrer' }
  let origin: string | undefined
  const port = await startSite(t, (request, response) => {
    origin = request.headers.origin
    if (request.url === '/posted') response.writeHead(303, { location: 'cursor://anysphere/callback' }).end()
    else response.writeHead(200, headers).end(FORM)
  })
  const browser = createBrowser()
  const begin = async () => getPage(await browser.open(`http://127.0.0.1:${port}/`))
  const arrival = await press(browser, await begin())
  t.equal(origin, 'null')
  t.match(arrival, { kind: 'client' }, 'another scheme belongs to a client')

  headers = { 'content-security-policy': "default-src 'none'; form-action 'self'" }
  await t.rejects(press(browser, await begin()), { name: 'BrowserError' })
  headers = { 'content-security-policy': "default-src 'none'; form-action 'self' cursor:" }
  t.match(await press(browser, await begin()), { kind: 'client' })
  headers = { 'content-security-policy': "default-src 'none'" }
  t.match(await press(browser, await begin()), { kind: 'client' }, 'default-src says nothing about forms')
})

test('it stops at a client, stays on loopback, and limits redirects', async (t) => {
  const port = await startSite(t, (request, response) => {
    const location = new URL(request.url ?? '', 'http://site').searchParams.get('to') ?? ''
    response.writeHead(302, { location }).end()
  })
  const site = `http://127.0.0.1:${port}`
  const browser = createBrowser()
  browser.redirectUris.push('http://127.0.0.1:9/callback')
  const open = (to: string) => browser.open(`${site}/?to=${encodeURIComponent(to)}`)
  t.match(await open('http://127.0.0.1:9/callback?code=1'), { kind: 'client' })
  await t.rejects(open('http://127.0.0.1:9/callback/more'), { code: 'ECONNREFUSED' })
  await t.rejects(open('https://sentry.io/'), { message: 'https://sentry.io is not on this machine.' })
  await t.rejects(open(`${site}/?to=/`), { name: 'BrowserError', message: /redirects/ })
})

test('forms: check boxes, named buttons and entities as a browser reads them', async (t) => {
  let posted = ''
  const port = await startSite(t, (request, response) => {
    request.on('data', (chunk) => {
      posted += chunk
    })
    response.end(`<form method='POST' action="?next">
      <input type=checkbox name=skill value="a" checked><input type="checkbox" name="skill" value="b">
      <input type="checkbox" name="bare" checked><input type="text" name="name" value="&quot;x&quot; &#39;y&#x27;">
      <input name="off" disabled value="1"><button type="button" name="none">No</button>
      <button name="decision" value="allow"><b>All</b>ow</button><button name="decision" value="deny">Deny</button>
    </form>`)
  })
  const browser = createBrowser()
  const page = getPage(await browser.open(`http://127.0.0.1:${port}/page`))
  t.same(
    page.forms[0]?.buttons.map(({ label }) => label),
    ['Allow', 'Deny'],
  )
  await press(browser, page, 'decision', 'deny')
  t.same(
    [...new URLSearchParams(posted)],
    [
      ['skill', 'a'],
      ['bare', 'on'],
      ['name', `"x" 'y'`],
      ['decision', 'deny'],
    ],
  )
})
