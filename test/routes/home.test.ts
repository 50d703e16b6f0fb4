import { test } from 'tap'
import { createBrowser } from '../sandbox/browser/browser.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

/** A service with a public address, to which requests are sent by its Host header. */
async function startPublicService(t: Parameters<typeof startService>[0], host = 'mcp.example.com') {
  const settings = { ...useEmbeddedStore(t), BASE_URL: `https://${host}` }
  const { app } = await startService(t, { settings })
  return (url: string) => app.inject({ url, headers: { host } })
}

/** The page as a user reads and copies it. */
async function readText(url: string): Promise<string> {
  const html = await (await fetch(url, { headers: BROWSER })).text()
  return html.replaceAll('&quot;', '"').replaceAll('&amp;', '&')
}

test('the set-up page shows how to connect each client to this address', async (t) => {
  const { url, sentry } = await startService(t)
  const arrival = await createBrowser().open(`${url}/`)
  if (arrival.kind !== 'page') return t.fail('a page is shown')
  const { html, status, headers } = arrival.page
  t.equal(status, 200)
  t.match(html, sentry.host)
  const text = html.replaceAll('&quot;', '"')
  const mcpUrl = `${url}/mcp`
  for (const exact of [
    `claude mcp add --transport http sentry ${mcpUrl}`,
    `codex mcp add sentry --url ${mcpUrl}`,
    `gemini mcp add --transport http sentry ${mcpUrl}`,
    `copilot mcp add --transport http sentry ${mcpUrl}`,
    `amp mcp add sentry ${mcpUrl}`,
    formatJson({ mcpServers: { sentry: { url: mcpUrl } } }),
    formatJson({ servers: { sentry: { type: 'http', url: mcpUrl } } }),
    formatJson({ context_servers: { sentry: { url: mcpUrl } } }),
    formatJson({ mcpServers: { sentry: { serverUrl: mcpUrl } } }),
    formatJson({ mcpServers: { sentry: { type: 'streamableHttp', url: mcpUrl } } }),
    formatJson({ mcpServers: { sentry: { command: 'npx', args: ['-y', 'mcp-remote', mcpUrl] } } }),
    `claude mcp add --transport http sentry-read "${mcpUrl}?readonly=1"`,
    `href="${url}/account"`,
    'src="/icon.png"',
  ])
    t.ok(text.includes(exact), exact)
  t.match(headers.get('content-security-policy'), /default-src 'none'/)
  t.notMatch(html, /<script|src="(?!\/icon\.png")/)
})

test('the install links open Cursor, VS Code and Goose with this address', async (t) => {
  const { url } = await startService(t)
  const links = listLinks(await readText(`${url}/`))
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
  const goose = new URL(links.find((href) => href.startsWith('goose:')) ?? '')
  t.equal(goose.host, 'extension')
  t.match(Object.fromEntries(goose.searchParams), {
    url: `${url}/mcp`,
    type: 'streamable_http',
    id: 'sentry',
    name: 'sentry',
  })
  for (const href of links) t.match(href, /^(\/icon|https?:|cursor:|vscode:|goose:)/)
})

test('the address includes the path of BASE_URL', async (t) => {
  const { url } = await startService(t, { basePath: '/tools/sentry' })
  const html = await (await fetch(`${url}/`)).text()
  t.match(html, `claude mcp add --transport http sentry ${url}/mcp`)
  t.match(html, `href="${url}/account"`)
  t.match(html, 'src="/tools/sentry/icon.png"')
  t.equal((await fetch(`${url}/icon.png`)).status, 200)
  t.equal((await fetch(`${url}/account`)).status, 200)
})

test('a form without script fills organization, project and read-only into every snippet and link', async (t) => {
  const { url } = await startService(t)
  const project = await readText(`${url}/?organization=acme&project=shop`)
  t.ok(project.includes(`claude mcp add --transport http sentry ${url}/mcp/acme/shop`))
  t.ok(project.includes('<strong>shop</strong>'))
  const code = listLinks(project).find((href) => href.startsWith('vscode:')) ?? ''
  t.match(decodeURIComponent(code), `${url}/mcp/acme/shop`)
  const reading = await readText(`${url}/?organization=acme&project=&readonly=1`)
  t.ok(
    reading.includes(`codex mcp add sentry-read --url "${url}/mcp/acme?readonly=1"`),
    'quoted: zsh would take the question mark for a pattern',
  )
  t.match(reading, /name="readonly" value="1" checked/)
})

test('a field that is not a slug is shown again, escaped, and limits nothing', async (t) => {
  const { url } = await startService(t)
  const hostile = '"><img src=x>'
  const html = await (await fetch(`${url}/?organization=${encodeURIComponent(hostile)}`)).text()
  t.match(html, 'cannot be the slug of the organization')
  t.match(html, /aria-invalid="true" aria-describedby="problem"/)
  t.notMatch(html, '<img src=x')
  t.match(html, `<pre>${url}/mcp</pre>`)
  t.match(await readText(`${url}/?project=shop`), 'A project needs its organization')
  t.equal((await fetch(`${url}/?organization=${'x'.repeat(300)}`)).status, 400)
})

test('clients that connect from their vendor’s network are shown where the address can be public', async (t) => {
  const get = await startPublicService(t)
  const { body } = await get('/')
  const link = new URL(
    listLinks(body.replaceAll('&amp;', '&')).find((href) => href.includes('claude.ai')) ?? '',
  )
  t.equal(link.searchParams.get('connectorUrl'), 'https://mcp.example.com/mcp')
  t.match(body, '<summary>ChatGPT</summary>')
  const { url } = await startService(t)
  for (const where of [await (await startPublicService(t, '10.1.2.3'))('/'), await readText(`${url}/`)]) {
    const html = typeof where === 'string' ? where : where.body
    t.notMatch(html, /<summary>(claude\.ai|ChatGPT)<\/summary>/)
    t.match(html, 'claude_desktop_config.json', 'Claude Desktop starts mcp-remote instead')
  }
})

test('an agent gets the same as Markdown, at / by its Accept header and at /llms.txt (llmstxt.org)', async (t) => {
  const { url, sentry } = await startService(t)
  const response = await fetch(`${url}/`, { headers: { accept: 'text/markdown, text/html, */*' } })
  t.equal(response.headers.get('content-type'), 'text/markdown; charset=utf-8')
  t.match(response.headers.get('vary'), /accept/i)
  const guide = await response.text()
  t.match(guide, /^# Sentry MCP server\n\n> /)
  t.match(guide, sentry.host)
  t.match(guide, `\`\`\`\nclaude mcp add --transport http sentry ${url}/mcp\n\`\`\``)
  t.notMatch(guide, /<(p|code|em|strong)>/)
  const file = await fetch(`${url}/llms.txt`)
  t.match(file.headers.get('content-type'), /^text\/plain/)
  t.equal(await file.text(), guide)
  for (const accept of [BROWSER.accept, '*/*', 'text/html, text/markdown;q=0.5', 'text/markdown;q=0'])
    t.match((await fetch(`${url}/`, { headers: { accept } })).headers.get('content-type'), 'text/html')
})

test('a browser gets a page for an unknown path, other clients JSON', async (t) => {
  const { url } = await startService(t)
  for (const path of [
    '/acount',
    '/mcp/a/b/c',
    '/mcp/!',
    '/oauth/unknown',
    '/.claude-plugin/marketplace.json',
  ]) {
    const page = await fetch(`${url}${path}`, { headers: BROWSER })
    t.equal(page.status, 404, path)
    t.match(page.headers.get('content-type'), 'text/html', path)
    t.match(page.headers.get('content-security-policy'), /default-src 'none'/, path)
    t.match(await page.text(), `href="${url}/"`, path)
    for (const accept of ['*/*', 'application/json', 'application/json, text/html', 'text/html;q=0']) {
      const other = await fetch(`${url}${path}`, { headers: { accept } })
      t.equal(other.status, 404)
      t.match(other.headers.get('content-type'), 'application/json', `${path} ${accept}`)
    }
  }
})

test('GET /mcp stays 401 with the challenge; its body is a page for a browser (RFC 9728 §5.1)', async (t) => {
  const { url } = await startService(t)
  for (const path of ['/mcp', '/mcp/acme', '/mcp/acme/shop']) {
    const page = await fetch(`${url}${path}`, { headers: BROWSER })
    t.equal(page.status, 401)
    t.match(page.headers.get('www-authenticate'), /^Bearer .*resource_metadata="/)
    t.match(page.headers.get('cache-control'), 'no-store')
    t.match(await page.text(), `<a class="button primary" href="${url}/">`)
  }
  for (const [method, accept] of [
    ['GET', 'text/event-stream'],
    ['GET', 'application/json, text/event-stream, text/html'],
    ['GET', '*/*'],
    ['POST', BROWSER.accept],
  ] as const) {
    const response = await fetch(`${url}/mcp`, { method, headers: { accept } })
    t.equal(response.status, 401)
    t.match(response.headers.get('content-type'), 'application/json', `${method} ${accept}`)
  }
})

function listLinks(html: string): string[] {
  return [...html.matchAll(/href="([^"]+)"/g)].map(([, href = '']) => href)
}

function formatJson(value: object): string {
  return JSON.stringify(value, undefined, 2)
}
