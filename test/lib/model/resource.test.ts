import { test } from 'tap'
import { createResource, isSlug, parseResource, spellResource } from '../../../lib/model/resource.ts'

const BASE = 'https://mcp.example.com'

test('a resource is /mcp, or /mcp limited to an organization or project', async (t) => {
  t.strictSame(createResource(BASE), {
    url: `${BASE}/mcp`,
    path: '/mcp',
    organization: undefined,
    project: undefined,
  })
  t.match(createResource(BASE, 'acme'), { url: `${BASE}/mcp/acme`, organization: 'acme', project: undefined })
  t.match(createResource(BASE, 'acme', 'web'), {
    url: `${BASE}/mcp/acme/web`,
    path: '/mcp/acme/web',
    project: 'web',
  })
  t.equal(createResource(BASE, undefined, 'web'), undefined, 'a project has an organization')
})

test('a path contains only valid slugs', async (t) => {
  const slugs = ['acme', 'Acme', 'a', '0', 'my-org_2', 'a'.repeat(100)]
  const others = [
    '',
    '-a',
    '_a',
    '.',
    '..',
    'a/b',
    'a%2fb',
    'a b',
    'a\n',
    'a.b',
    'ä',
    'a?b',
    'a#b',
    'a'.repeat(101),
  ]
  for (const slug of slugs) t.equal(isSlug(slug), true, slug)
  for (const text of others) {
    t.equal(isSlug(text), false, JSON.stringify(text.slice(0, 20)))
    t.equal(createResource(BASE, text), undefined)
    t.equal(createResource(BASE, 'acme', text), undefined)
  }
})

test('an indicator may be any equivalent spelling of the identifier (RFC 3986 §6.2.2, garrytan/gbrain#5222, getsentry/sentry-mcp#837)', async (t) => {
  const cases: [string, string][] = [
    [`${BASE}/mcp`, '/mcp'],
    [`${BASE}/mcp/`, '/mcp'],
    [`${BASE}/mcp?x=1`, '/mcp'],
    [`${BASE}/mcp/?x=1`, '/mcp'],
    [`${BASE}/mcp/acme`, '/mcp/acme'],
    [`${BASE}/mcp/acme/`, '/mcp/acme'],
    [`${BASE}/mcp/acme/web`, '/mcp/acme/web'],
    [`${BASE}/mcp/acme/web/?experimental=1`, '/mcp/acme/web'],
    ['https://MCP.example.com/mcp', '/mcp'],
    ['HTTPS://mcp.EXAMPLE.com/mcp/Acme', '/mcp/Acme'],
    ['https://mcp.example.com:443/mcp', '/mcp'],
    ['https://mcp.example.com:/mcp', '/mcp'],
    [`${BASE}/mcp/%61cme`, '/mcp/acme'],
    [`${BASE}/%6d%63%70`, '/mcp'],
    ['https://mcp%2Eexample.com/mcp', '/mcp'],
    [`${BASE}/x/../mcp`, '/mcp'],
    [`${BASE}/./mcp/acme/../acme`, '/mcp/acme'],
    [`${BASE}/mcp/%2e%2E/mcp`, '/mcp'],
  ]
  for (const [indicator, path] of cases)
    t.match(parseResource(BASE, indicator), { path, url: BASE + path }, indicator)
})

test('the URL of the server itself means /mcp', async (t) => {
  for (const indicator of [BASE, `${BASE}/`, 'HTTPS://MCP.example.com:443', `${BASE}?x=1`, `${BASE}/mcp/..`])
    t.match(parseResource(BASE, indicator), { url: `${BASE}/mcp` }, indicator)
  const below = 'https://example.com/sentry'
  for (const indicator of [below, `${below}/`, 'https://EXAMPLE.com:443/sentry'])
    t.match(parseResource(below, indicator), { url: `${below}/mcp` }, indicator)
  for (const indicator of ['https://example.com', 'https://example.com/', 'https://example.com/SENTRY'])
    t.equal(parseResource(below, indicator), undefined, indicator)
  const local = 'http://127.0.0.1:3000'
  t.match(parseResource(local, local), { url: `${local}/mcp` })
  t.match(parseResource('http://[::1]:3000', 'http://[::1]:3000/mcp'), { path: '/mcp' })
  t.match(parseResource('http://localhost', 'http://LOCALHOST:80/mcp'), { path: '/mcp' })
  for (const other of [
    'http://127.0.0.1',
    'http://127.1:3000',
    'http://0x7f.1:3000/mcp',
    'http://localhost:3000',
  ])
    t.equal(parseResource(local, other), undefined, other)
})

test('any other indicator is not a resource of this server (RFC 8707 §2, CVE-2025-69196)', async (t) => {
  const others = [
    ...[
      '',
      `${BASE}/oauth`,
      `${BASE}/MCP`,
      `${BASE}/mcpx`,
      `${BASE}/mcp.evil`,
      'mcp',
      '/mcp',
      '//mcp.example.com/mcp',
    ],
    ...['http://mcp.example.com/mcp', 'https://mcp.example.com:8443/mcp', 'https://mcp.example.com./mcp'],
    ...['http://mcp.example.com:443/mcp', 'https://mcp.example.com:80/mcp', 'ftp://mcp.example.com/mcp'],
    ...['https:mcp.example.com/mcp', 'https:/mcp.example.com/mcp', 'https:///mcp.example.com/mcp'],
    ...['https://evil.example/mcp', `https://evil.example/?${BASE}/mcp`, `${BASE}.evil.example/mcp`],
    ...[
      'https://mcp.example.com@evil.example/mcp',
      'https://user@mcp.example.com/mcp',
      'https://@mcp.example.com/mcp',
    ],
    ...[` ${BASE}/mcp`, `${BASE}/mcp `, `\n${BASE}/mcp`, `${BASE}/m\ncp`, 'https://mcp.ex\tample.com/mcp'],
    ...['https://mcp。example.com/mcp', 'https://ｍcp.example.com/mcp', 'https://mcp.example.com:443x/mcp'],
    ...[`${BASE}/mcp#`, `${BASE}/mcp#x`, `${BASE}/mcp?#`, `${BASE}/mcp/acme#x`, `${BASE}#`, `${BASE}/#/mcp`],
    ...[`${BASE}/mcp//`, `${BASE}//`, `${BASE}//mcp`, `${BASE}/mcp//acme`, `${BASE}/mcp/acme//`],
    ...[`${BASE}/mcp/acme/web/more`, `${BASE}/mcp/../oauth`, `${BASE}/mcp/acme/../../token`],
    ...[`${BASE}/mcp%2facme`, `${BASE}/mcp/acme%2fweb`, `${BASE}/mcp/%2561cme`, `${BASE}/mcp/acme%00`],
    ...[
      `${BASE}\\mcp`,
      `${BASE}/mcp\\acme`,
      `${BASE}/mcp/a b`,
      `${BASE}/mcp/acme;x`,
      `${BASE}/mcp\t`,
      `${BASE}/mcp/ä`,
    ],
  ]
  for (const indicator of others)
    t.equal(parseResource(BASE, indicator), undefined, JSON.stringify(indicator))
})

test('resources are below the path of BASE_URL', async (t) => {
  const base = 'https://example.com/sentry'
  t.match(parseResource(base, `${base}/mcp/acme`), { url: `${base}/mcp/acme`, path: '/mcp/acme' })
  t.equal(parseResource(base, 'https://example.com/mcp'), undefined)
  t.equal(parseResource(base, 'https://example.com/sentry/../mcp'), undefined)
  t.equal(parseResource(base, 'https://example.com/sentryx/mcp'), undefined)
})

test('a resource is spelled with the slash that the request has (RFC 9728 §3.3)', async (t) => {
  const resource = createResource(BASE, 'acme')
  for (const url of ['/mcp/acme/', '/mcp/acme/?x=1', '/.well-known/oauth-protected-resource/mcp/acme/'])
    t.match(spellResource(resource, url), { url: `${BASE}/mcp/acme/`, path: '/mcp/acme' }, url)
  for (const url of ['/mcp/acme', '/mcp/acme?x=/', '/mcp/acme?/'])
    t.equal(spellResource(resource, url)?.url, `${BASE}/mcp/acme`, url)
  t.equal(spellResource(undefined, '/mcp/'), undefined)
})
