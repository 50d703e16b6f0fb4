import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { startSentry } from '../../sandbox/sentry/server.ts'
import { createCertificate } from '../../support/certificate.ts'
import { createSettings, list, spawnCheck } from '../../support/doctor.ts'
import { startForwardProxy } from '../../support/forward-proxy.ts'
import { startReverseProxy } from '../../support/reverse-proxy.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

test('a Sentry with a private certificate authority needs NODE_EXTRA_CA_CERTS', async (t) => {
  const { certificate, host, settings } = await startTlsSentry(t, 'localhost')
  const env = { ...settings, SENTRY_HOST: host }

  t.match(list(await spawnCheck(t, 'checkSentry', env), 'error'), [
    /cannot be reached: DEPTH_ZERO_SELF_SIGNED_CERT\. → .*NODE_EXTRA_CA_CERTS .*, in the environment itself/,
  ])
  const findings = await spawnCheck(t, 'checkSentry', { ...env, NODE_EXTRA_CA_CERTS: certificate.file })
  t.same(list(findings, 'error'), [])
  t.match(list(findings, 'ok').join('\n'), 'The token endpoint accepts')
  t.match(list(findings, 'warning'), [
    /sentry: The certificate of https:\S+ expires on \d{4}-\d\d-\d\d\. → Renew it/,
  ])
})

test('a certificate for another name is reported as such', async (t) => {
  const { certificate, host, settings } = await startTlsSentry(t, 'sentry.internal')
  const env = { ...settings, SENTRY_HOST: host, NODE_EXTRA_CA_CERTS: certificate.file }
  t.match(list(await spawnCheck(t, 'checkSentry', env), 'error'), [
    /ERR_TLS_CERT_ALTNAME_INVALID\. → The certificate is for another name/,
  ])
})

test('a proxy and a private certificate authority work together', async (t) => {
  const { certificate, port, settings } = await startTlsSentry(t, 'sentry.internal')
  const proxy = await startForwardProxy(t, { 'sentry.internal': port })
  const closed = await startForwardProxy(t, {})
  const env = { ...settings, SENTRY_HOST: 'sentry.internal' }
  const check = (more: Record<string, string>) => spawnCheck(t, 'checkSentry', { ...env, ...more })

  t.match(list(await check({}), 'error'), [/ENOTFOUND sentry\.internal/])
  t.match(list(await check({ HTTPS_PROXY: proxy.url }), 'error'), [/DEPTH_ZERO_SELF_SIGNED_CERT/])
  const both = await check({ HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: certificate.file })
  t.same(list(both, 'error'), [])
  t.match(list(both, 'warning'), [/The certificate of .* expires on/], 'read through the proxy')
  t.same(new Set(proxy.asked), new Set(['sentry.internal:443']))
  t.match(list(await check({ HTTPS_PROXY: closed.url }), 'error'), [/→ The proxy refuses/])
})

test('a NODE_EXTRA_CA_CERTS that Node did not read, as from .env, is an error', async (t) => {
  const { file } = await createCertificate(t, 'localhost')
  const env = createSettings({ host: 'sentry.invalid', clientId: 'id', clientSecret: 'secret' })
  const check = (path: string, lines = '') => {
    writeFileSync(join(t.testdir(), '.env'), lines)
    return spawnCheck(t, 'checkOutgoing', { ...env, ...(path && { NODE_EXTRA_CA_CERTS: path }) })
  }
  t.match(list(await check(file), 'ok').join('\n'), `NODE_EXTRA_CA_CERTS (${file}) adds 1 `)
  t.match(list(await check('/no/such/file'), 'error'), [/read no certificate from .* \(\/no\/such\/file\)/])
  t.match(list(await check('', `NODE_EXTRA_CA_CERTS=${file}\n`), 'error'), [/before any \.env/])
})

test('metadata with http URLs behind TLS is reported (RFC 8414 §3.3)', async (t) => {
  const certificate = await createCertificate(t, 'localhost')
  const front = await startReverseProxy(t, { certificate })
  const { url, sentry } = await startService(t, {
    settings: { ...useEmbeddedStore(t), BASE_URL: front.url.replace('https:', 'http:') },
  })
  front.target = url
  const env = { ...createSettings(sentry), BASE_URL: front.url, NODE_EXTRA_CA_CERTS: certificate.file }
  const findings = await spawnCheck(t, 'checkPublicUrl', env)
  t.match(
    list(findings, 'error')[0],
    /names http:\/\/localhost:\d+ where clients expect https:\/\/localhost.* → Clients refuse http behind TLS/,
  )
  t.match(list(findings, 'ok').join('\n'), /public-url: The certificate of https:\S+ expires on/)
})

/** A Sentry with a certificate of an unknown authority that expires in 5 days. */
async function startTlsSentry(t: Test, name: string) {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const certificate = await createCertificate(t, name, 5)
  const front = await startReverseProxy(t, { certificate })
  front.target = sentry.url
  const { host, port } = new URL(front.url)
  return {
    certificate,
    host,
    port: Number(port),
    settings: { ...createSettings(sentry), SENTRY_PROTOCOL: 'https' },
  }
}
