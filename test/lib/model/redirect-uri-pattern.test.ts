import { test } from 'tap'
import { isSafeRedirectUri } from '../../../lib/model/redirect-uri.ts'
import { createRedirectUriPolicy } from '../../../lib/model/redirect-uri-pattern.ts'
import { BYPASSES, CLIENTS } from './redirect-uri-corpus.ts'

test('* allows every redirect URI of every client', async (t) => {
  const isAllowed = createRedirectUriPolicy(['*'])
  for (const uri of Object.values(CLIENTS).flat()) t.equal(isAllowed(uri), true, uri)
})

test('patterns match component by component, never as text (CWE-601, punkpeye/fastmcp#201, punkpeye/fastmcp@a97c5eb)', async (t) => {
  const cases: [string, string, boolean][] = [
    ['http://localhost:*', 'http://localhost:1234/callback', true],
    ['http://localhost:*', 'http://localhost/callback', true],
    ['http://localhost:*', 'http://localhost:1234', true],
    ['http://localhost:*', 'http://127.0.0.1:1234/callback', false],
    ['http://localhost:*', 'https://localhost:1234/callback', false],
    ['http://localhost:*', 'http://localhost:1234/callback?x=1', false],
    ['http://127.0.0.1:*/callback', 'http://127.0.0.1:9/callback', true],
    ['http://127.0.0.1:*/callback', 'http://127.0.0.1:9/callback/more', false],
    ['http://[::1]:*', 'http://[::1]:9/callback', true],
    ['http://localhost', 'http://localhost/callback', true],
    ['http://localhost', 'http://localhost:1234/callback', true],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:9/callback', true],
    ['http://[::1]/callback', 'http://[::1]:9/callback', true],
    ['http://localhost', 'http://127.0.0.1:1234/callback', false],
    ['https://localhost', 'https://localhost:1234/callback', false],
    ['http://localhost:80', 'http://localhost/callback', true],
    ['http://localhost:80', 'http://localhost:1234/callback', false],

    ['https://claude.ai/api/mcp/auth_callback', 'https://claude.ai/api/mcp/auth_callback', true],
    ['https://claude.ai/api/mcp/auth_callback', 'https://claude.ai/api/mcp/auth_callback/', false],
    ['https://claude.ai/api/mcp/auth_callback', 'https://claude.ai/api/mcp/auth_callback?x', false],
    ['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback', false],
    ['https://claude.ai:443/cb', 'https://claude.ai/cb', true],
    ['https://claude.ai', 'https://claude.ai/any/path', true],
    ['https://claude.ai', 'https://claude.ai:8443/any/path', false],
    ['https://claude.ai:8443', 'https://claude.ai:8443/any/path', true],
    ['https://claude.ai:8443', 'https://claude.ai/any/path', false],
    ['https://claude.ai:*', 'https://claude.ai:8443/any/path', true],
    ['https://claude.ai/', 'https://claude.ai', true],
    ['https://claude.ai/', 'https://claude.ai/cb', false],

    ['https://*.example.com/*', 'https://a.example.com/cb', true],
    ['https://*.example.com/*', 'https://a.b.example.com/cb', true],
    ['https://*.example.com/*', 'https://example.com/cb', false],
    ['https://*.example.com/*', 'https://evilexample.com/cb', false],
    ['https://*.example.com/*', 'https://evil-example.com/cb', false],
    ['https://*.example.com/*', 'https://a.example.com.evil.example/cb', false],
    ['https://*.example.com/*', 'https://evil.com/?.example.com/x', false],
    ['https://*.example.com/*', 'https://evil.com/.example.com/x', false],
    ['https://*.example.com/*', 'https://a.example.com:8443/cb', false],
    ['https://*.example.com:*/cb', 'https://a.example.com:8443/cb', true],
    ['https://a.example.com/*', 'https://axexample.com/cb', false],

    ['https://example.com/cb/*', 'https://example.com/cb/one/two', true],
    ['https://example.com/cb/*', 'https://example.com/cb/', true],
    ['https://example.com/cb/*', 'https://example.com/cb', false],
    ['https://example.com/cb/*', 'https://example.com/cbevil', false],
    ['https://example.com/cb/*', 'https://example.com/cb-evil/x', false],
    ['https://example.com/cb/*', 'https://example.com/', false],
    ['https://example.com/cb?tenant=a', 'https://example.com/cb?tenant=a', true],
    ['https://example.com/cb?tenant=a', 'https://example.com/cb?tenant=ab', false],
    ['https://example.com/cb?tenant=a', 'https://example.com/cb', false],

    ['cursor://*', 'cursor://anysphere.cursor-mcp/oauth/callback', true],
    ['cursor://*', 'cursor:/oauth', true],
    ['cursor://*', 'vscode://anysphere.cursor-mcp/oauth/callback', false],
    ['cursor://*', 'https://cursor/oauth', false],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor://anysphere.cursor-mcp/oauth/callback', true],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor://evil/oauth/callback', false],
    ['cursor://anysphere.cursor-mcp/*', 'cursor://anysphere.cursor-mcp/oauth/callback', true],
    ['vscode-insiders://*', 'vscode://vscode.git/x', false],
  ]
  for (const [pattern, uri, isMatch] of cases) {
    t.equal(createRedirectUriPolicy([pattern])(uri), isMatch, `${pattern} and ${uri}`)
    t.equal(isSafeRedirectUri(uri), true, 'it comes this far')
  }
})

test('one matching pattern is enough, an empty list allows nothing', async (t) => {
  const isAllowed = createRedirectUriPolicy(['https://claude.ai/*', 'http://localhost:*'])
  t.equal(isAllowed('https://claude.ai/api/mcp/auth_callback'), true)
  t.equal(isAllowed('http://localhost:9/cb'), true)
  t.equal(isAllowed('https://claude.com/api/mcp/auth_callback'), false)
  t.equal(createRedirectUriPolicy([])('https://claude.ai/'), false)
})

test('a malformed pattern is an error that names it', async (t) => {
  const wrong = [
    ...[
      '',
      'localhost',
      'localhost:*',
      '//localhost',
      '/callback',
      '**',
      '.*',
      'https',
      'https:',
      'https:/a.example',
    ],
    ...['*://localhost/*', 'http*://localhost', '*.example.com', 'https*', 'ht tp://a.example'],
    ...['https://*', 'http://*', 'https://*/*', 'https://*:443', 'https://*.com', 'https://*.localhost/*'],
    ...['https://a*.example.com', 'https://*a.example.com', 'https://a.*.example.com', 'https://a.example.*'],
    ...[
      'https://*.*.example.com',
      'https://**.example.com',
      'https://user@a.example',
      'https://a.example@b.example',
    ],
    ...['https://a.example:44*', 'https://a.example:https', 'https://a.example:', 'https://A.example'],
    ...['HTTPS://a.example', 'https://münchen.example', 'https://a_b.example/%', 'https://a.example\\b'],
    ...['https://a.example/cb*', 'https://a.example/*/cb', 'https://a.example/*/*', 'https://a.example/**'],
    ...['https://a.example/*.html', 'https://a.example/cb#x', 'https://a.example#', 'http://localhost:*#'],
    ...['https://', 'http://:80', 'cursor:*', 'cursor://*:80', 'cursor://a*'],
  ]
  for (const pattern of wrong) {
    t.throws(
      () => createRedirectUriPolicy(['*', pattern]),
      { name: 'TypeError', message: JSON.stringify(pattern) },
      pattern,
    )
  }
})

for (const pattern of [
  'http://localhost:*',
  'https://*.example.com/*',
  'cursor://*',
  'https://claude.ai/*',
]) {
  test(`no bypass passes ${pattern} (PrefectHQ/fastmcp#3066, #3098, #3963, #4408, #4419)`, async (t) => {
    const isAllowed = createRedirectUriPolicy([pattern])
    for (const uri of Object.values(BYPASSES).flat()) {
      t.equal(isSafeRedirectUri(uri) && isAllowed(uri), false, JSON.stringify(uri.slice(0, 80)))
    }
  })
}

test('a URI that matches a pattern leads to the pattern’s host in every spelling', async (t) => {
  const policies: [string, (url: URL) => boolean][] = [
    ['http://localhost:*', (url) => url.hostname === 'localhost'],
    ['http://127.0.0.1:*', (url) => url.hostname === '127.0.0.1'],
    ['https://*.example.com/*', (url) => url.hostname.endsWith('.example.com')],
    ['https://claude.ai/*', (url) => url.hostname === 'claude.ai'],
  ]
  const parseable = Object.values(BYPASSES)
    .flat()
    .filter((uri) => URL.canParse(uri))
  t.ok(parseable.length > 100)
  for (const [pattern, isWithin] of policies) {
    const leaves = parseable.filter(
      (uri) => createRedirectUriPolicy([pattern])(uri) && !isWithin(new URL(uri)),
    )
    t.same(leaves, [], pattern)
  }
})
