import { test } from 'tap'
import { createBrowser } from '../sandbox/browser/browser.ts'
import { startService } from '../support/service.ts'

test('the set-up page shows how to connect each client to this address', async (t) => {
  const { url, sentry } = await startService(t)
  const arrival = await createBrowser().open(`${url}/`)
  if (arrival.kind !== 'page') return t.fail('a page is shown')
  const { html, status, headers } = arrival.page
  t.equal(status, 200)
  t.match(html, sentry.host)
  const text = html.replaceAll('&quot;', '"')
  for (const exact of [
    `claude mcp add --transport http sentry ${url}/mcp`,
    `codex mcp add sentry --url ${url}/mcp`,
    `gemini mcp add --transport http sentry ${url}/mcp`,
    JSON.stringify({ mcpServers: { sentry: { url: `${url}/mcp` } } }, undefined, 2),
    JSON.stringify({ servers: { sentry: { type: 'http', url: `${url}/mcp` } } }, undefined, 2),
    JSON.stringify({ context_servers: { sentry: { url: `${url}/mcp` } } }, undefined, 2),
    JSON.stringify({ mcpServers: { sentry: { serverUrl: `${url}/mcp` } } }, undefined, 2),
    `"${url}/mcp"`,
    `claude mcp add --transport http sentry-read "${url}/mcp?readonly=1"`,
    `href="${url}/account"`,
  ])
    t.ok(text.includes(exact), exact)
  t.match(headers.get('content-security-policy'), /default-src 'none'/)
  t.notMatch(html, /<script|src=/)
})

test('the install links open Cursor and VS Code with this address', async (t) => {
  const { url } = await startService(t)
  const html = await (await fetch(`${url}/`)).text()
  const links = [...html.matchAll(/href="([^"]+)"/g)].map(([, href = '']) => href.replaceAll('&amp;', '&'))
  const cursor = new URL(links.find((href) => href.startsWith('cursor:')) ?? '')
  t.equal(`${cursor.host}${cursor.pathname}`, 'anysphere.cursor-deeplink/mcp/install')
  const config = Buffer.from(cursor.searchParams.get('config') ?? '', 'base64').toString()
  t.same(JSON.parse(config), { url: `${url}/mcp` })
  const code = links.find((href) => href.startsWith('vscode:')) ?? ''
  t.match(code, /^vscode:mcp\/install\?/)
  t.same(JSON.parse(decodeURIComponent(code.split('?')[1] ?? '')), {
    name: 'sentry',
    type: 'http',
    url: `${url}/mcp`,
  })
  for (const href of links) t.match(href, /^(https?|cursor|vscode):/)
})

test('the address includes the path of BASE_URL', async (t) => {
  const { url } = await startService(t, { basePath: '/tools/sentry' })
  const html = await (await fetch(`${url}/`)).text()
  t.match(html, `claude mcp add --transport http sentry ${url}/mcp`)
  t.match(html, `href="${url}/account"`)
  t.equal((await fetch(`${url}/account`)).status, 200)
})
