import { test } from 'tap'
import { createToken } from '../../../../lib/crypto/hash.ts'
import { createSigner } from '../../../../lib/crypto/signer.ts'
import {
  createCsrfToken,
  createTransactionCookies,
  isCsrfToken,
} from '../../../../lib/oauth/authorize/browser.ts'

const signer = createSigner(['a secret of thirty-two characters or more'])

/** A browser's cookies, as one browser keeps them, and the options of the last one that was set. */
function createJar() {
  const cookies: Record<string, string> = {}
  let options: object = {}
  return {
    cookies,
    getOptions: () => options,
    setCookie(name: string, value: string, given: object) {
      cookies[name] = value
      options = given
    },
    clearCookie(name: string) {
      delete cookies[name]
    },
  }
}

test('other hosts cannot set the cookie, scripts cannot read it (RFC 6265bis §4.1.3.2)', async (t) => {
  const jar = createJar()
  createTransactionCookies('https://mcp.example.com').bind(createToken(), {}, jar)
  t.match(Object.keys(jar.cookies), [/^__Host-/])
  t.match(jar.getOptions(), { secure: true, httpOnly: true, sameSite: 'lax', path: '/', maxAge: 600 })
  t.notOk('domain' in jar.getOptions(), '__Host- forbids a domain')
})

test('over plain http (loopback only) the cookie has no __Host- prefix', async (t) => {
  const jar = createJar()
  createTransactionCookies('http://localhost:3000').bind(createToken(), {}, jar)
  t.notMatch(Object.keys(jar.cookies), [/^__/])
  t.match(jar.getOptions(), { secure: false, httpOnly: true, sameSite: 'lax', path: '/' })
})

test('each transaction has its own secret, and no other cookie reads as it (RFC 9700 §4.7.1)', async (t) => {
  const [jar, one, other] = [createJar(), createToken(), createToken()]
  const cookies = createTransactionCookies('https://mcp.example.com')
  const secret = cookies.bind(one, {}, jar)
  t.match(secret, /^[\w-]{43}$/)
  t.not(cookies.bind(other, {}, jar), secret, 'parallel first requests do not replace each other')
  t.equal(cookies.read(one, jar.cookies), secret)
  t.not(cookies.read(other, jar.cookies), secret)
  t.equal(cookies.read(createToken(), jar.cookies), '', 'an unknown one')
  t.notMatch(Object.keys(jar.cookies).join(), one.slice(0, 10), 'the id is not in a name')
  cookies.clear(one, jar)
  t.equal(cookies.read(one, jar.cookies), '')
})

test('a browser keeps the twenty newest, and no malformed one (PrefectHQ/fastmcp#3784)', async (t) => {
  const jar = createJar()
  const cookies = createTransactionCookies('https://mcp.example.com')
  Object.assign(jar.cookies, { other: 'kept', '__Host-sentry-mcp-tx-malformed00': 'x'.repeat(3000) })
  const ids = Array.from({ length: 50 }, createToken)
  for (const id of ids) cookies.bind(id, { ...jar.cookies }, jar)
  t.same(
    ids.filter((id) => cookies.read(id, jar.cookies) !== ''),
    ids.slice(-20),
  )
  t.equal(Object.keys(jar.cookies).length, 21)
  t.equal(jar.cookies.other, 'kept', 'cookies of others are theirs')
  const header = Object.entries(jar.cookies).map(([name, value]) => `${name}=${value}`)
  t.ok(header.join('; ').length < 1600)
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
