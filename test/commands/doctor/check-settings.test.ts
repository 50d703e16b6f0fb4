import { randomBytes } from 'node:crypto'
import { test } from 'tap'
import { checkExposure } from '../../../commands/doctor/check-exposure.ts'
import { checkKeys } from '../../../commands/doctor/check-keys.ts'
import { checkOutgoing } from '../../../commands/doctor/check-outgoing.ts'
import { checkTools } from '../../../commands/doctor/check-tools.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { createSettings, KEYS, list } from '../../support/doctor.ts'

const PUBLIC = { BASE_URL: 'https://mcp.example.com' }

test('random keys of every usual kind are strong', async (t) => {
  for (const encoding of ['base64', 'base64url', 'hex'] as const) {
    for (let round = 0; round < 200; round += 1) {
      const [one, other] = [randomBytes(32).toString(encoding), randomBytes(32).toString(encoding)]
      const findings = checkKeys({ ENCRYPTION_KEY: [one], JWT_SIGNING_KEY: [other] })
      t.equal(findings[0]?.status, 'ok', one)
    }
  }
  t.equal(checkKeys({ ENCRYPTION_KEY: [randomBytes(16).toString('hex')], JWT_SIGNING_KEY: ['x'] }).length, 1)
})

test('keys that can be guessed are errors, and not repeated', async (t) => {
  for (const weak of [
    'k'.repeat(32),
    'ab'.repeat(20),
    'change-me-change-me-change-me-now',
    'CHANGEME-please-this-is-not-a-key',
    'your-key-of-32-characters-or-more',
    'this-is-an-example-of-a-key-32-ch',
    '0123456789012345678901234567890123',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab',
  ]) {
    const findings = checkKeys({ ENCRYPTION_KEY: [weak], JWT_SIGNING_KEY: [KEYS.JWT_SIGNING_KEY] })
    t.match(
      list(findings, 'error'),
      [/^keys: ENCRYPTION_KEY can be guessed: .* → Generate one with: openssl/],
      weak,
    )
    t.notMatch(JSON.stringify(findings), weak)
  }
  const rolled = checkKeys({
    ENCRYPTION_KEY: [KEYS.ENCRYPTION_KEY],
    JWT_SIGNING_KEY: [KEYS.JWT_SIGNING_KEY, 'k'.repeat(32)],
  })
  t.match(list(rolled, 'error'), [/JWT_SIGNING_KEY, key 2 of 2, can be guessed/])
})

test('a key that serves for both settings is warned of', async (t) => {
  const { ENCRYPTION_KEY } = KEYS
  const findings = checkKeys({
    ENCRYPTION_KEY: [ENCRYPTION_KEY],
    JWT_SIGNING_KEY: [KEYS.JWT_SIGNING_KEY, ENCRYPTION_KEY],
  })
  t.match(list(findings, 'warning'), [/share a key/])
  t.notMatch(JSON.stringify(findings), ENCRYPTION_KEY)
})

test('a public server that lets any web site register, or knows no proxy, is warned of', async (t) => {
  t.match(list(exposure(PUBLIC), 'warning'), [
    /TRUST_PROXY is not set/,
    /ALLOWED_REDIRECT_URI_PATTERNS is \*/,
  ])
  t.same(list(exposure({}), 'warning'), [], 'but not on this machine itself')
  const closed = { TRUST_PROXY: '10.0.0.0/8', ALLOWED_REDIRECT_URI_PATTERNS: 'http://localhost:*' }
  t.same(list(exposure({ ...PUBLIC, ...closed }), 'warning'), [])
  for (const TRUST_PROXY of ['0.0.0.0/0', '::/0', '10.0.0.0/8,128.0.0.0/1']) {
    t.match(list(exposure({ ...PUBLIC, ...closed, TRUST_PROXY }), 'warning'), [/believes nearly everybody/])
  }
})

test('proxies are named without their credentials, and checks that are switched off are an error', async (t) => {
  const proxied = load({ HTTPS_PROXY: 'http://user:hidden@proxy.example.com:3128', NO_PROXY: '.internal' })
  const findings = checkOutgoing(proxied, {})
  t.match(list(findings, 'ok'), [
    'outgoing: Requests leave through HTTPS_PROXY (proxy.example.com:3128), but for .internal.',
  ])
  t.notMatch(JSON.stringify(findings), 'hidden')
  const lax = checkOutgoing(load({}), { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
  t.match(list(lax, 'error'), [/NODE_TLS_REJECT_UNAUTHORIZED=0 lets anybody/])
})

test('the tools are those that a client gets', async (t) => {
  t.match(list(await checkTools(load(PUBLIC)), 'ok'), [
    'clients: Clients connect to https://mcp.example.com/mcp.',
    /^clients: They list 2\d tools and find \d\d more by searching\.$/,
    /The search tools are off/,
  ])
  const compact = load({ TOOL_SURFACE: 'compact', READ_ONLY: 'true', DIRECT_SEARCH: 'true' })
  t.match(
    list(await checkTools(compact), 'ok').join('\n'),
    /searching, none of which changes anything.*\n.*query syntax/,
  )
  t.match(list(await checkTools(load({ OPENAI_API_KEY: 'key' })), 'ok').join('\n'), 'plain words')
  t.match(list(await checkTools(load({ DISABLED_TOOLS: 'no_such_tool' })), 'error'), [
    /no no_such_tool\. → The server does not start/,
  ])
})

function exposure(settings: Record<string, string>) {
  return checkExposure(load(settings))
}

function load(settings: Record<string, string>) {
  const sentry = { host: 'sentry.invalid', clientId: 'id', clientSecret: 'secret' }
  return loadConfig({ ...createSettings(sentry), ...settings })
}
