import { test } from 'tap'
import {
  isRegisteredRedirectUri,
  isSafeRedirectUri,
  splitRedirectUri,
} from '../../../lib/model/redirect-uri.ts'
import { BYPASSES, CLIENTS } from './redirect-uri-corpus.ts'

for (const [trick, uris] of Object.entries(BYPASSES)) {
  test(`an unsafe redirect URI is refused: ${trick}`, async (t) => {
    for (const uri of uris) t.equal(isSafeRedirectUri(uri), false, JSON.stringify(uri.slice(0, 80)))
  })
}

test('the corpus of bypasses is large and has no duplicates', async (t) => {
  const all = Object.values(BYPASSES).flat()
  t.ok(all.length >= 300)
  t.equal(new Set(all).size, all.length)
})

for (const [client, uris] of Object.entries(CLIENTS)) {
  test(`the redirect URIs of ${client} are accepted and match themselves (RFC 8252 §7)`, async (t) => {
    for (const uri of uris) {
      t.equal(isSafeRedirectUri(uri), true, uri)
      t.equal(isRegisteredRedirectUri(uri, ['https://other.example/', uri]), true)
      t.equal(isRegisteredRedirectUri(uri, []), false)
    }
  })
}

test('a redirect URI has at most 2048 characters', async (t) => {
  const uri = `https://claude.ai/${'a'.repeat(2048)}`.slice(0, 2048)
  t.equal(isSafeRedirectUri(uri), true)
  t.equal(isSafeRedirectUri(`${uri}a`), false)
})

test('on loopback only the port may differ (RFC 8252 §7.3)', async (t) => {
  const cases: [string, string, boolean][] = [
    ['http://localhost:1234/callback', 'http://localhost:5678/callback', true],
    ['http://localhost/callback', 'http://localhost:5678/callback', true],
    ['http://localhost:1234/callback', 'http://localhost/callback', true],
    ['http://127.0.0.1:1/cb', 'http://127.0.0.1:65535/cb', true],
    ['http://[::1]:1/cb', 'http://[::1]:2/cb', true],
    ['http://127.0.0.1:33418/', 'http://127.0.0.1:9', true],
    ['http://127.0.0.1:33418', 'http://127.0.0.1:9/', true],
    ['http://localhost:1/cb?a=1', 'http://localhost:2/cb?a=1', true],

    ['http://localhost:1234/callback', 'http://127.0.0.1:1234/callback', false],
    ['http://127.0.0.1:1234/callback', 'http://localhost:1234/callback', false],
    ['http://127.0.0.1:1234/callback', 'http://[::1]:1234/callback', false],
    ['http://[::1]:1234/callback', 'http://localhost:1234/callback', false],
    ['http://127.0.0.1:1/cb', 'http://127.0.0.2:1/cb', false],
    ['http://localhost:1/callback', 'http://localhost:1/callback/', false],
    ['http://localhost:1/callback', 'http://localhost:1/Callback', false],
    ['http://localhost:1/callback', 'http://localhost:1/callback/more', false],
    ['http://localhost:1/callback', 'http://localhost:1/', false],
    ['http://localhost:1/cb?a=1', 'http://localhost:1/cb', false],
    ['http://localhost:1/cb', 'http://localhost:1/cb?a=1', false],
    ['http://localhost:1/cb?a=1', 'http://localhost:1/cb?a=2', false],
    ['http://localhost:1/cb?a=1&b=2', 'http://localhost:1/cb?b=2&a=1', false],
    ['http://localhost:1/cb', 'https://localhost:1/cb', false],
    ['https://localhost:1/cb', 'https://localhost:2/cb', false],
  ]
  for (const [registered, requested, isSame] of cases) {
    t.equal(isRegisteredRedirectUri(requested, [registered]), isSame, `${registered} and ${requested}`)
  }
})

test('any other redirect URI matches byte for byte (RFC 9700 §2.1)', async (t) => {
  const cases: [string, string][] = [
    ['https://claude.ai/cb', 'https://claude.ai:8443/cb'],
    ['https://claude.ai/cb', 'https://claude.ai/cb/'],
    ['https://claude.ai/', 'https://claude.ai'],
    ['https://claude.ai/cb', 'https://claude.ai/cb?x=1'],
    ['https://claude.ai/cb', 'http://claude.ai/cb'],
    ['https://claude.ai/cb', 'https://sub.claude.ai/cb'],
    ['https://example.com/a%20b', 'https://example.com/a+b'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor://anysphere.cursor-mcp/oauth/callback/'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor://anysphere.cursor-mcp:1/oauth/callback'],
    ['com.example.app:/cb', 'com.example.app://cb'],
    ['http://10.0.0.1:1/cb', 'http://10.0.0.1:2/cb'],
  ]
  for (const [registered, requested] of cases) {
    t.equal(isRegisteredRedirectUri(requested, [registered]), false, `${registered} and ${requested}`)
    t.equal(isRegisteredRedirectUri(registered, [registered]), true)
  }
})

test('a bypass does not match a registered URI that it resembles (CVE-2025-4143)', async (t) => {
  const registered = Object.values(CLIENTS).flat()
  for (const uri of Object.values(BYPASSES).flat()) {
    const isAccepted = isSafeRedirectUri(uri) && isRegisteredRedirectUri(uri, registered)
    t.equal(isAccepted, false, JSON.stringify(uri.slice(0, 80)))
  }
})

test('an unparsable URI matches nothing and throws nothing', async (t) => {
  t.equal(isRegisteredRedirectUri('http://[', ['http://localhost:1/cb']), false)
  t.equal(isRegisteredRedirectUri('http://localhost:1/cb', ['http://[']), false)
})

test('a redirect URI is shown whole, around its host or as that of a program (RFC 9700 §4.12, RFC 8252 §7)', async (t) => {
  const web = {
    'https://claude.ai/api/mcp/auth_callback': 'claude.ai',
    'https://www.example.com/url?q=https://evil.example/': 'www.example.com',
    'https://storage.example.com:8443/evil-bucket/': 'storage.example.com:8443',
    'https://a.example?x=https://b.example/': 'a.example',
  }
  for (const [uri, host] of Object.entries(web)) {
    const parts = splitRedirectUri(uri)
    t.match(parts, { host, isLocal: false }, uri)
    t.equal(parts.before + parts.host + parts.after, uri, 'no part is left out')
  }
  const local = [
    'http://127.0.0.1:33418/',
    'http://localhost/cb',
    'http://[::1]:1/',
    'cursor://a.b/oauth',
    'com.example.app:/cb',
  ]
  for (const uri of local) t.equal(splitRedirectUri(uri).isLocal, true, uri)
})
