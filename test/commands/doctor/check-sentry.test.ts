import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type Test, test } from 'tap'
import { checkSentry } from '../../../commands/doctor/check-sentry.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { type SandboxOptions, type SentrySandbox, startSentry } from '../../sandbox/sentry/server.ts'
import { createSettings, list } from '../../support/doctor.ts'
import { findFreePort } from '../../support/free-port.ts'
import { startReverseProxy } from '../../support/reverse-proxy.ts'

const CALLBACK = 'http://localhost:3000/oauth/callback'

/** A release that does not publish its metadata. */
const RELEASE = { release: '25.12.0', version: '25.10.0', revokeEndpoint: true } as const

test('a Sentry that accepts the application is ok, and no grant is created', async (t) => {
  const sentry = await setUp(t)
  const findings = await check(sentry)
  t.same(
    findings.filter(({ status }) => status !== 'ok'),
    [],
  )
  const text = list(findings, 'ok').join('\n')
  t.match(text, `Sentry 25.10.0 responds at ${sentry.url}`)
  t.match(text, `${sentry.url}/settings/account/api/applications/ is ${CALLBACK}`)
  t.match(text, 'PKCE: unknown; a revocation endpoint: yes; regions: yes')
  t.match(text, /clock: The clock of this machine is \d s (ahead of|behind) Sentry's/)
  t.same(sentry.counters, { codes: 0, refreshes: 0, refusedRefreshes: 0 })
  t.notMatch(JSON.stringify(findings), sentry.clientSecret)
})

test('wrong credentials are an error, an invalid code is not (RFC 6749 §5.2)', async (t) => {
  const sentry = await setUp(t)
  for (const [changes, errors] of [
    [{ SENTRY_CLIENT_SECRET: 'wrong' }, [/SENTRY_CLIENT_ID with SENTRY_CLIENT_SECRET \(invalid_client\)/]],
    [{ SENTRY_CLIENT_ID: 'wrong' }, [/\(invalid_client\)/, /no active application with SENTRY_CLIENT_ID/]],
  ] as const) {
    const findings = await check(sentry, changes)
    t.match(list(findings, 'error'), errors)
    t.equal(list(findings, 'error').length, errors.length)
    t.notMatch(JSON.stringify(findings), sentry.clientSecret)
  }
})

test('an unregistered callback URL and an unknown scope are found without a sign-in', async (t) => {
  const sentry = await setUp(t)
  const elsewhere = await check(sentry, { BASE_URL: 'https://mcp.example.com/sentry' })
  t.match(list(elsewhere, 'error'), [
    /https:\/\/mcp\.example\.com\/sentry\/oauth\/callback is not registered at Sentry\. → Add exactly this URL/,
  ])
  const scopes = await check(sentry, { SENTRY_SCOPES: 'org:read,replay:admin' })
  t.match(list(scopes, 'error'), [/does not know all of SENTRY_SCOPES \(org:read, replay:admin\)/])

  // Releases before 2025 show the same page with status 200.
  const page = 'Missing or invalid <em>redirect_uri</em> parameter.'
  const old = await startReverseProxy(t, {
    handlers: { '/oauth/authorize/': (_request, response) => response.end(page) },
  })
  old.target = sentry.url
  t.match(list(await check({ ...sentry, host: new URL(old.url).host }), 'error'), [/is not registered/])
})

test('features that a release lacks are not errors', async (t) => {
  const sentry = await setUp(t, { revokeEndpoint: false, version: '22.6.0' })
  sentry.fail('/api/0/users/me/regions/', { kind: 'status', status: 404, body: { detail: 'Not found.' } })
  sentry.fail('/api/client-config/', { kind: 'status', status: 404 })
  const findings = await check(sentry)
  t.same(list(findings, 'error'), [])
  t.match(list(findings, 'ok').join('\n'), 'a revocation endpoint: no; regions: no')
  t.match(list(findings, 'ok').join('\n'), 'A server that does not report a version responds')

  const { url } = sentry
  const metadata = JSON.stringify({ issuer: url, code_challenge_methods_supported: ['S256'] })
  const newer = await startReverseProxy(t, {
    handlers: { '/.well-known/': (_request, response) => response.end(metadata) },
  })
  newer.target = url
  t.match(list(await check({ ...sentry, host: new URL(newer.url).host }), 'ok').join('\n'), 'PKCE: yes')
})

test('a clock that differs by more than 30 s is a warning', async (t) => {
  const sentry = await setUp(t)
  for (const [seconds, warning] of [
    [-95, /clock of this machine is 9[456] s ahead of Sentry's\. → Synchronize it by NTP/],
    [3600, /clock of this machine is 3\d\d\d s behind Sentry's/],
    [-20, undefined],
  ] as const) {
    const date = new Date(Date.now() + seconds * 1000).toUTCString()
    const proxy = await startReverseProxy(t, {
      handlers: {
        '/api/client-config/': (_request, response) => response.writeHead(200, { date }).end('{}'),
      },
    })
    proxy.target = sentry.url
    const warnings = list(await check({ ...sentry, host: new URL(proxy.url).host }), 'warning')
    t.match(warnings, warning === undefined ? [] : [warning])
  }
})

test('an unreachable, slow, failing or moved Sentry is an error, and its other checks are skipped', async (t) => {
  const sentry = await setUp(t)
  const silent = createServer().listen(0, '127.0.0.1')
  t.teardown(() => silent.close())
  await once(silent, 'listening')
  const away = { ...sentry, host: `127.0.0.1:${await findFreePort()}` }
  const hanging = { ...sentry, host: `127.0.0.1:${(silent.address() as AddressInfo).port}` }
  const unknown = { ...sentry, host: 'sentry.invalid' }
  for (const [place, changes, error] of [
    [away, {}, /cannot be reached: connect ECONNREFUSED 127\.0\.0\.1:\d+\. → Nothing listens there/],
    [hanging, {}, /cannot be reached: no response within 5 s.* → .*HTTPS_PROXY/],
    [
      unknown,
      {},
      /cannot be reached: getaddrinfo ENOTFOUND sentry\.invalid\. → This machine cannot resolve the name/,
    ],
    [sentry, { SENTRY_PROTOCOL: 'https' }, /cannot be reached: .* → The server there does not speak TLS/],
  ] as const) {
    const findings = await check(place, changes)
    t.match(list(findings, 'error'), [error])
    t.same(list(findings, 'skipped').length, 2)
  }

  sentry.fail('/', { kind: 'status', status: 503 })
  t.match(list(await check(sentry), 'error'), [
    /responds with 503\. → Check the health and the log of Sentry/,
  ])
  sentry.heal()

  const moved = await startReverseProxy(t, {
    handlers: {
      '/': (_request, response) => response.writeHead(301, { location: 'https://sentry.example.com/' }).end(),
    },
  })
  t.match(list(await check({ ...sentry, host: new URL(moved.url).host }), 'error'), [
    /redirects to https:\/\/sentry\.example\.com\. → .*SENTRY_HOST=sentry\.example\.com and SENTRY_PROTOCOL=https/,
  ])
})

test('a token endpoint that is unavailable or a web page does not count as a refusal', async (t) => {
  const sentry = await setUp(t)
  for (const [fault, error] of [
    [
      { kind: 'html' },
      /The token endpoint cannot be used: Something in front of Sentry responded \(HTTP 200, a web page\)/,
    ],
    [{ kind: 'status', status: 429 }, /responded 429/],
    [{ kind: 'reset' }, /The token endpoint cannot be used: /],
    [{ kind: 'redirect-loop' }, /The token endpoint cannot be used: /],
  ] as const) {
    const lift = sentry.fail('/oauth/token/', fault)
    const findings = await check(sentry)
    t.match(list(findings, 'error'), [error])
    t.notMatch(JSON.stringify(findings), sentry.clientSecret)
    lift()
  }
  sentry.fail('/oauth/authorize/', { kind: 'status', status: 404 })
  t.match(list(await check(sentry), 'error'), [/The authorization endpoint responds with 404/])
})

async function setUp(t: Test, options: SandboxOptions = {}): Promise<SentrySandbox> {
  const sentry = await startSentry({ ...RELEASE, redirectUris: [CALLBACK], ...options })
  t.teardown(() => sentry.close())
  return sentry
}

function check(
  sentry: Pick<SentrySandbox, 'host' | 'clientId' | 'clientSecret'>,
  settings: Record<string, string> = {},
) {
  return checkSentry(loadConfig({ ...createSettings(sentry), ...settings }))
}

test('the release decides what is missing, and which switches a former sentry.conf.py may lack', async (t) => {
  const old = list(await check(await setUp(t, { release: '25.6.0', version: undefined })), 'ok').join('\n')
  t.match(old, /Sentry 25\.6\.0 does not have spans dataset \(25\.7\.0\), logs dataset \(25\.9\.0\)/)
  t.match(old, 'Not offered at this release: search_agent_conversations')
  t.match(old, 'SENTRY_FEATURES["organizations:continuous-profiling"] = True')
  t.notMatch(old, 'organizations:ourlogs-enabled')
  const current = list(await check(await setUp(t, { release: '26.8.0', version: undefined })), 'ok').join(
    '\n',
  )
  t.match(current, 'SENTRY_FEATURES["organizations:ourlogs-enabled"] = True')
  t.notMatch(current, 'Not offered')
  const ancient = list(await check(await setUp(t, { release: '24.8.0', version: '23.9.1' })), 'warning')
  t.match(ancient, [/Sentry 23\.9\.1 is older than 24\.8\.0, the first release at which the main tools work/])
})
