import { randomBytes } from 'node:crypto'
import { test } from 'tap'
import { checkExposure, checkKeys, checkOutgoing } from '../../../commands/doctor/check-settings.ts'
import { checkTools } from '../../../commands/doctor/check-tools.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { createSettings, KEYS, list } from '../../support/doctor.ts'

const PUBLIC = { BASE_URL: 'https://mcp.example.com' }

test('random keys in base64, base64url and hex are ok', async (t) => {
  for (const encoding of ['base64', 'base64url', 'hex'] as const) {
    for (let round = 0; round < 200; round += 1) {
      const [one, other] = [randomBytes(32).toString(encoding), randomBytes(32).toString(encoding)]
      const findings = checkKeys({ ENCRYPTION_KEY: [one], JWT_SIGNING_KEY: [other] })
      t.equal(findings[0]?.status, 'ok', one)
    }
  }
  t.equal(checkKeys({ ENCRYPTION_KEY: [randomBytes(16).toString('hex')], JWT_SIGNING_KEY: ['x'] }).length, 1)
})

test('keys that can be guessed are errors, which do not contain the key', async (t) => {
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

test('a key in both settings is a warning', async (t) => {
  const { ENCRYPTION_KEY } = KEYS
  const findings = checkKeys({
    ENCRYPTION_KEY: [ENCRYPTION_KEY],
    JWT_SIGNING_KEY: [KEYS.JWT_SIGNING_KEY, ENCRYPTION_KEY],
  })
  t.match(list(findings, 'warning'), [/share a key/])
  t.notMatch(JSON.stringify(findings), ENCRYPTION_KEY)
})

test('a public server that any client can register at, or without TRUST_PROXY, is a warning', async (t) => {
  t.match(list(exposure(PUBLIC), 'warning'), [
    /TRUST_PROXY is not set/,
    /ALLOWED_REDIRECT_URI_PATTERNS is \*/,
  ])
  t.same(list(exposure({}), 'warning'), [], 'but not on a loopback address')
  const closed = { TRUST_PROXY: '10.0.0.0/8', ALLOWED_REDIRECT_URI_PATTERNS: 'http://localhost:*' }
  t.same(list(exposure({ ...PUBLIC, ...closed }), 'warning'), [])
  for (const TRUST_PROXY of ['0.0.0.0/0', '::/0', '10.0.0.0/8,128.0.0.0/1']) {
    t.match(list(exposure({ ...PUBLIC, ...closed, TRUST_PROXY }), 'warning'), [/trusts nearly every address/])
  }
})

test('http on loopback is a warning once it is more than a developer’s (RFC 6265 §8.5)', async (t) => {
  const shared: Record<string, string>[] = [
    { REDIS_URL: 'redis://valkey:6379' },
    { REDIS_URL: 'redis+cluster://127.0.0.1:7000,10.0.0.7:7000' },
    { TRUST_PROXY: '10.0.0.0/8' },
  ]
  for (const changes of shared) {
    const [key = ''] = Object.keys(changes)
    const findings = exposure({ ...changes, BASE_URL: 'http://localhost:3000' })
    t.match(list(findings, 'warning'), [new RegExp(`^loopback: .*trusts every port.*${key} is`)], key)
  }
  t.same(list(exposure({ BASE_URL: 'http://127.0.0.1:3000' }), 'warning'), [], 'a developer’s')
  t.same(list(exposure({ REDIS_URL: 'redis://[::1]:6379' }), 'warning'), [])
  const elsewhere = exposure({ ...PUBLIC, REDIS_URL: 'redis://valkey:6379' })
  t.notMatch(list(elsewhere, 'warning').join(), 'loopback')
})

test('proxies are named without credentials, and disabled certificate checks are an error', async (t) => {
  const proxied = load({ HTTPS_PROXY: 'http://user:hidden@proxy.example.com:3128', NO_PROXY: '.internal' })
  const findings = checkOutgoing(proxied, {})
  t.match(list(findings, 'ok'), [
    'outgoing: Requests are sent through HTTPS_PROXY (proxy.example.com:3128), except to .internal.',
  ])
  t.notMatch(JSON.stringify(findings), 'hidden')
  const lax = checkOutgoing(load({}), { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
  t.match(list(lax, 'error'), [/NODE_TLS_REJECT_UNAUTHORIZED=0 turns off the verification/])
})

test('the reported tools are those that a client gets', async (t) => {
  t.match(list(await checkTools(load(PUBLIC)), 'ok'), [
    'clients: Clients connect to https://mcp.example.com/mcp.',
    /^clients: Clients list 2\d tools and find \d\d more by search\.$/,
    /The search tools are disabled/,
  ])
  const compact = load({ TOOL_SURFACE: 'compact', READ_ONLY: 'true', DIRECT_SEARCH: 'true' })
  t.match(list(await checkTools(compact), 'ok').join('\n'), /by search, all read-only.*\n.*query syntax/)
  t.match(list(await checkTools(load({ OPENAI_API_KEY: 'key' })), 'ok').join('\n'), 'natural language')
  t.match(list(await checkTools(load({ DISABLED_TOOLS: 'no_such_tool' })), 'error'), [
    /no no_such_tool\. → Correct DISABLED_TOOLS: the server does not start/,
  ])
})

function exposure(settings: Record<string, string>) {
  return checkExposure(load(settings))
}

function load(settings: Record<string, string>) {
  const sentry = { host: 'sentry.invalid', clientId: 'id', clientSecret: 'secret' }
  return loadConfig({ ...createSettings(sentry), ...settings })
}

test('sentry.io without ALLOWED_ORGANIZATIONS is a warning, also at a host of an organization', async (t) => {
  for (const SENTRY_HOST of ['sentry.io', 'acme.sentry.io']) {
    const open = exposure({ SENTRY_HOST }).filter(({ check }) => check === 'organizations')
    t.match(list(open, 'warning'), [
      /everyone with an account at sentry\.io can sign in.* → Set it to the slugs/,
    ])
    const limited = exposure({ SENTRY_HOST, ALLOWED_ORGANIZATIONS: 'acme,acme-labs' })
    t.match(list(limited, 'ok'), /for members of acme, acme-labs\./)
    t.same(
      limited.filter(({ check, status }) => check === 'organizations' && status !== 'ok'),
      [],
    )
  }
  const own = exposure({ SENTRY_HOST: 'sentry.example.com' }).filter(({ check }) => check === 'organizations')
  t.match(own, [{ status: 'ok', finding: /everyone with an account at sentry\.example\.com/ }])
})
