import { test } from 'tap'
import { createResource, isSlug, parseResource } from '../../../lib/model/resource.ts'

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

test('an indicator equals the identifier, except for trailing slash and query (RFC 8707 §2)', async (t) => {
  const cases: [string, string][] = [
    [`${BASE}/mcp`, '/mcp'],
    [`${BASE}/mcp/`, '/mcp'],
    [`${BASE}/mcp?x=1`, '/mcp'],
    [`${BASE}/mcp/?x=1`, '/mcp'],
    [`${BASE}/mcp/acme`, '/mcp/acme'],
    [`${BASE}/mcp/acme/`, '/mcp/acme'],
    [`${BASE}/mcp/acme/web`, '/mcp/acme/web'],
    [`${BASE}/mcp/acme/web/?experimental=1`, '/mcp/acme/web'],
  ]
  for (const [indicator, path] of cases)
    t.match(parseResource(BASE, indicator), { path, url: BASE + path }, indicator)
})

test('any other indicator is not a resource of this server (RFC 8707 §2, CVE-2025-69196)', async (t) => {
  const others = [
    ...[
      '',
      BASE,
      `${BASE}/`,
      `${BASE}/oauth`,
      `${BASE}/MCP`,
      `${BASE}/mcpx`,
      `${BASE}/mcp.evil`,
      'mcp',
      '/mcp',
    ],
    ...['http://mcp.example.com/mcp', 'https://MCP.example.com/mcp', 'HTTPS://mcp.example.com/mcp'],
    ...[
      'https://mcp.example.com:443/mcp',
      'https://mcp.example.com:8443/mcp',
      'https://mcp.example.com./mcp',
    ],
    ...['https://evil.example/mcp', `https://evil.example/?${BASE}/mcp`, `${BASE}.evil.example/mcp`],
    ...[
      'https://mcp.example.com@evil.example/mcp',
      'https://user@mcp.example.com/mcp',
      ` ${BASE}/mcp`,
      `${BASE}/mcp `,
    ],
    ...[`${BASE}/mcp#`, `${BASE}/mcp#x`, `${BASE}/mcp?#`, `${BASE}/mcp/acme#x`],
    ...[
      `${BASE}/mcp//`,
      `${BASE}//mcp`,
      `${BASE}/mcp//acme`,
      `${BASE}/mcp/acme//`,
      `${BASE}/mcp/acme/web/more`,
    ],
    ...[`${BASE}/mcp/..`, `${BASE}/mcp/.`, `${BASE}/mcp/../mcp`, `${BASE}/x/../mcp`, `${BASE}/mcp/acme/..`],
    ...[
      `${BASE}/mcp/%61cme`,
      `${BASE}/mcp%2facme`,
      `${BASE}/mcp/acme%2fweb`,
      `${BASE}/mcp/%2e%2e`,
      `${BASE}\\mcp`,
    ],
    ...[`${BASE}/mcp/a b`, `${BASE}/mcp/acme;x`, `${BASE}/mcp/acme\n`, `${BASE}/mcp\t`],
  ]
  for (const indicator of others)
    t.equal(parseResource(BASE, indicator), undefined, JSON.stringify(indicator))
})

test('resources are below the path of BASE_URL', async (t) => {
  const base = 'https://example.com/sentry'
  t.match(parseResource(base, `${base}/mcp/acme`), { url: `${base}/mcp/acme`, path: '/mcp/acme' })
  t.equal(parseResource(base, 'https://example.com/mcp'), undefined)
  t.equal(parseResource(base, 'https://example.com/sentry/../mcp'), undefined)
})
