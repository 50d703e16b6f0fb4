import { test } from 'tap'
import { createToken } from '../../../../lib/crypto/hash.ts'
import { createSigner } from '../../../../lib/crypto/signer.ts'
import {
  createBrowserCookie,
  createCsrfToken,
  isCsrfToken,
  readBrowserSecret,
} from '../../../../lib/oauth/authorize/browser.ts'

const signer = createSigner(['a secret of thirty-two characters or more'])

test('other hosts cannot set the cookie, scripts cannot read it (RFC 6265bis §4.1.3.2)', async (t) => {
  const { name, options } = createBrowserCookie('https://mcp.example.com')
  t.match(name, /^__Host-/)
  t.match(options, { secure: true, httpOnly: true, sameSite: 'lax', path: '/' })
  t.notOk('domain' in options, '__Host- forbids a domain')
  t.ok(options.maxAge >= 600, 'it outlives every transaction')
})

test('over plain http (loopback only) the cookie has no __Host- prefix', async (t) => {
  const { name, options } = createBrowserCookie('http://localhost:3000')
  t.notMatch(name, /^__/)
  t.match(options, { secure: false, httpOnly: true, sameSite: 'lax', path: '/' })
})

test('a valid cookie keeps its secret, a missing or malformed one gets a new secret', async (t) => {
  const secret = createToken()
  t.equal(readBrowserSecret(secret), secret)
  for (const cookie of [undefined, '', 'short', `${secret}x`, ` ${secret}`, '%'.repeat(43), `${secret}\n`]) {
    const fresh = readBrowserSecret(cookie)
    t.match(fresh, /^[A-Za-z0-9_-]{43}$/)
    t.not(fresh, cookie)
    t.not(fresh, readBrowserSecret(cookie))
  }
})

test('a CSRF token is valid for its browser and its transaction only (PrefectHQ/fastmcp#3519)', async (t) => {
  const [browser, transaction] = [createToken(), createToken()]
  const token = createCsrfToken(browser, transaction, signer)
  t.equal(isCsrfToken(token, browser, transaction, signer), true)
  t.equal(isCsrfToken(token, createToken(), transaction, signer), false, 'another browser')
  t.equal(isCsrfToken(token, browser, createToken(), signer), false, 'another transaction')
  t.equal(isCsrfToken(token, transaction, browser, signer), false, 'the two swapped')
  for (const wrong of ['', token.slice(1), `${token}x`, 'A'.repeat(28)]) {
    t.equal(isCsrfToken(wrong, browser, transaction, signer), false, wrong)
  }
  const other = createSigner(['another secret of thirty-two characters or more'])
  t.equal(isCsrfToken(token, browser, transaction, other), false, 'another server')
})

test('a reloaded page gets the same CSRF token, which does not contain the secret (PrefectHQ/fastmcp#4818)', async (t) => {
  const [browser, transaction] = [createToken(), createToken()]
  const token = createCsrfToken(browser, transaction, signer)
  t.equal(createCsrfToken(browser, transaction, signer), token)
  t.notMatch(token, browser)
})
