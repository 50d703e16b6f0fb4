import { type Test, test } from 'tap'
import { checkSentry } from '../../../commands/doctor/check-sentry.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { startSentry } from '../../sandbox/sentry/server.ts'
import { startAccessProxy } from '../../support/access-proxy.ts'
import { createAuthority, createCertificate } from '../../support/certificate.ts'
import { createSettings, list, runDoctor, spawnCheck } from '../../support/doctor.ts'
import { startReverseProxy } from '../../support/reverse-proxy.ts'

const SECRET = 'f3c1e0b79a5d42c8b6e1'
const HEADERS = { 'cf-access-client-id': '7d0f9b2c41aa.access', 'cf-access-client-secret': SECRET }
const CUSTOM_HEADERS = `CF-Access-Client-Id: 7d0f9b2c41aa.access\nCF-Access-Client-Secret: ${SECRET}`

test('through an access proxy that lets this server through, all is checked, and names of headers are printed', async (t) => {
  const sentry = await startProtectedSentry(t)
  const env = { ...sentry.settings, SENTRY_CUSTOM_HEADERS: CUSTOM_HEADERS }
  const findings = await checkSentry(loadConfig(env))
  t.same(list(findings, 'error'), [])
  const text = list(findings, 'ok').join('\n')
  t.match(text, /headers cf-access-client-id, cf-access-client-secret\./)
  t.match(text, /The token endpoint accepts/)
  t.match(text, /The authorization endpoint accepts/)
  t.same(sentry.proxy.refused, [])

  const { stdout, stderr } = await runDoctor(t, { ...env, STORE: 'embedded', DATA_DIR: t.testdir() })
  t.match(stdout, 'cf-access-client-secret')
  t.notMatch(stdout + stderr, SECRET)
})

test('an access proxy that responds in place of Sentry is named, with the setting that it needs', async (t) => {
  const sentry = await startProtectedSentry(t)
  const wrong = CUSTOM_HEADERS.replace(SECRET, 'another-value-than-it-wants')
  for (const [headers, advice] of [
    [undefined, /→ Set SENTRY_CUSTOM_HEADERS to what it wants of programs, such as CF-Access-Client-Id/],
    [
      wrong,
      /→ It does not accept the headers cf-access-client-id, cf-access-client-secret of SENTRY_CUSTOM_HEADERS/,
    ],
  ] as const) {
    const env = { ...sentry.settings, ...(headers && { SENTRY_CUSTOM_HEADERS: headers }) }
    const findings = await checkSentry(loadConfig(env))
    t.match(list(findings, 'error'), [
      /^sentry: Not Sentry responds at http:\/\/localhost:\d+, but something in front of it, such as an access proxy \(403, text\/html/,
    ])
    t.match(list(findings, 'error'), [advice])
    t.equal(list(findings, 'skipped').length, 2)
    t.notMatch(JSON.stringify(findings), /another-value|7d0f9b2c41aa/)
  }
})

test('a redirect to the sign-in page of an access proxy is told from one to another address of Sentry', async (t) => {
  for (const [location, expected] of [
    [
      'https://acme.cloudflareaccess.com/cdn-cgi/access/login',
      /but Cloudflare Access, .* → Set SENTRY_CUSTOM_HEADERS to CF-Access-Client-Id: …/,
    ],
    [
      'https://accounts.google.com/o/oauth2/v2/auth',
      /but Google IAP, .* → Set SENTRY_CUSTOM_HEADERS to Proxy-Authorization: Bearer …/,
    ],
    [
      'https://login.example.com/',
      /redirects to https:\/\/login\.example\.com\. → If that is your Sentry, set SENTRY_HOST=login\.example\.com .* Set SENTRY_CUSTOM_HEADERS to/,
    ],
  ] as const) {
    const proxy = await startReverseProxy(t, {
      handlers: { '/': (_request, response) => response.writeHead(302, { location }).end() },
    })
    const sentry = { host: new URL(proxy.url).host, clientId: 'id', clientSecret: 'secret' }
    t.match(list(await checkSentry(loadConfig(createSettings(sentry))), 'error'), [expected])
  }
})

test('the public address is checked without headers, and may be closed to programs', async (t) => {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const open = await startReverseProxy(t)
  open.target = sentry.url
  const closed = await startAccessProxy(t, { target: sentry.url, headers: HEADERS })
  for (const [publicUrl, finding] of [
    [open.url, /^sentry: Sentry responds at SENTRY_PUBLIC_URL/],
    [closed.url, /has a response with 403 for programs\. Check in a browser that Sentry is there\.$/],
    ['https://sentry.invalid', /cannot be reached from here: .*\. Check it in a browser\.$/],
  ] as const) {
    const env = {
      ...createSettings(sentry),
      SENTRY_PUBLIC_URL: publicUrl,
      SENTRY_CUSTOM_HEADERS: CUSTOM_HEADERS,
    }
    const findings = await checkSentry(loadConfig(env))
    const lines = [...list(findings, 'ok'), ...list(findings, 'skipped')]
    t.ok(
      lines.some((line) => finding.test(line)),
      publicUrl,
    )
    t.match(lines.join('\n'), `${publicUrl}/settings/account/api/applications/`)
    t.same(list(findings, 'warning'), [])
  }
  t.same(closed.passed, [], 'the headers are for the internal address')
})

test('an internal address that insists on the public one is explained', async (t) => {
  const proxy = await startReverseProxy(t, {
    handlers: {
      '/': ({ url }, response) =>
        response.writeHead(301, { location: `https://sentry.example.com${url}` }).end(),
    },
  })
  const sentry = { host: new URL(proxy.url).host, clientId: 'id', clientSecret: 'secret' }
  const settings = { ...createSettings(sentry), SENTRY_PUBLIC_URL: 'https://sentry.example.com' }
  const findings = await checkSentry(loadConfig(settings))
  t.match(list(findings, 'ok'), [
    /Browsers reach Sentry at https:\/\/sentry\.example\.com, and this server at http:/,
  ])
  t.match(list(findings, 'error'), [
    /the public address\. → .*SENTRY_CUSTOM_HEADERS=X-Forwarded-Proto: https/,
  ])
})

test('a missing, foreign or ending client certificate is an error or a warning, and its key is printed nowhere', async (t) => {
  const authority = await createAuthority(t)
  const server = await authority.issue('localhost')
  const own = await authority.issue('sentry-mcp')
  const foreign = await createCertificate(t, 'sentry-mcp', 5)
  const sentry = await startProtectedSentry(t, { certificate: server, clientAuthority: authority.cert })
  const env = { ...sentry.settings, SENTRY_PROTOCOL: 'https', NODE_EXTRA_CA_CERTS: authority.file }
  const check = (pair?: { file: string; keyFile: string }) =>
    spawnCheck(t, 'checkSentry', {
      ...env,
      SENTRY_CUSTOM_HEADERS: CUSTOM_HEADERS,
      ...(pair && { SENTRY_CLIENT_CERT: pair.file, SENTRY_CLIENT_KEY: pair.keyFile }),
    })

  const [good, none, other] = [await check(own), await check(), await check(foreign)]
  t.same(list(good, 'error'), [])
  t.match(list(good, 'ok').join('\n'), /The certificate of SENTRY_CLIENT_CERT expires on \d{4}-\d\d-\d\d\./)
  t.match(list(good, 'ok').join('\n'), /The certificate of https:\/\/localhost:\d+ expires on/)
  t.match(list(good, 'ok').join('\n'), /The token endpoint accepts/)
  for (const findings of [none, other])
    t.match(list(findings, 'error'), [
      /cannot be reached: .* → .*client certificate.* set SENTRY_CLIENT_CERT and SENTRY_CLIENT_KEY/,
    ])
  t.match(list(other, 'warning'), [/The certificate of SENTRY_CLIENT_CERT expires on .* → Renew it/])
  t.notMatch(JSON.stringify([good, none, other]), own.key.split('\n')[1] ?? '')

  // nginx says so in a page.
  const nginx = await startReverseProxy(t, {
    handlers: {
      '/': (_request, response) =>
        response
          .writeHead(400, { 'content-type': 'text/html' })
          .end('<html><head><title>400 No required SSL certificate was sent</title></head></html>'),
    },
  })
  const behind = { host: new URL(nginx.url).host, clientId: 'id', clientSecret: 'secret' }
  t.match(list(await checkSentry(loadConfig(createSettings(behind))), 'error'), [
    /wants a client certificate, or another one \(400\)\. → Set SENTRY_CLIENT_CERT and SENTRY_CLIENT_KEY/,
  ])
})

async function startProtectedSentry(
  t: Test,
  tls: Pick<Parameters<typeof startAccessProxy>[1], 'certificate' | 'clientAuthority'> = {},
) {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const proxy = await startAccessProxy(t, { target: sentry.url, headers: HEADERS, ...tls })
  return { proxy, settings: createSettings({ ...sentry, host: proxy.host }) }
}
