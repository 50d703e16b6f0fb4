import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import type { Finding } from '../../commands/doctor/report.ts'
import { SETTINGS } from '../../lib/config/settings.ts'
import { startSentry } from '../sandbox/sentry/server.ts'
import { createSettings, KEYS, list, runDoctor } from '../support/doctor.ts'
import { startForwardProxy } from '../support/forward-proxy.ts'
import { startRedis } from '../support/redis.ts'
import { startService } from '../support/service.ts'

test('without errors the doctor prints aligned findings and exits with 0', async (t) => {
  const { url: REDIS_URL } = await startRedis(t, '--appendonly', 'yes')
  const { url: BASE_URL, sentry } = await startService(t, {
    settings: { ...KEYS, STORE: 'redis', REDIS_URL },
  })
  const { code, stdout, stderr } = await runDoctor(t, {
    ...createSettings(sentry),
    ...{ BASE_URL, REDIS_URL, PORT: new URL(BASE_URL).port },
  })
  t.equal(stderr, '')
  t.match(stdout, /^sentry-mcp \d+\.\d+\.\d+ on Node v\d+/)
  t.match(stdout, /\n0 errors, 0 warnings, \d+ ok\.\n$/)
  t.equal(code, 0)
  const columns = stdout
    .split('\n')
    .slice(2, -3)
    .map((line) => line.search(/ok /))
  t.equal(new Set(columns).size, 1, 'aligned')
  t.notMatch(stdout, '\u001b[', 'without colour, since stdout is not a terminal')
})

test('all errors of the settings are printed at once, and the exit code is 1', async (t) => {
  const { code, stdout } = await runDoctor(t, { PORT: 'abc', ENCRYPTION_KEY: 'too-short-a-key' }, '--json')
  t.equal(code, 1)
  const { status, findings } = JSON.parse(stdout)
  t.equal(status, 'error')
  const errors = list(findings, 'error').join('\n')
  for (const name of ['BASE_URL', 'SENTRY_HOST', 'SENTRY_CLIENT_ID', 'JWT_SIGNING_KEY']) {
    t.match(errors, `settings: ${name} is not set`)
  }
  t.match(errors, /ENCRYPTION_KEY should be 32 characters or more/)
  t.match(errors, /PORT should be a port/)
  t.notMatch(stdout, 'too-short-a-key')
})

test('--json prints one object, and no output contains a secret', async (t) => {
  const { sentry } = await startDistantSentry(t)
  const password = randomBytes(16).toString('hex')
  const env = {
    ...createSettings(sentry),
    SENTRY_CLIENT_SECRET: randomBytes(32).toString('hex'),
    BASE_URL: 'https://mcp.invalid',
    REDIS_URL: `redis://user:${password}@127.0.0.1:1`,
    HTTPS_PROXY: `http://user:${password}@127.0.0.1:9`,
    OPENAI_API_KEY: password,
  }
  const { code, stdout, stderr } = await runDoctor(t, env, '--json')
  t.equal(code, 1)
  const report = JSON.parse(stdout)
  t.match(report, { version: /^\d/, node: /^v\d/, status: 'error' })
  for (const finding of report.findings as Finding[]) {
    t.match(finding, { check: /^[a-z-]+$/, status: /^(ok|warning|error|skipped)$/, finding: /\.$/ })
    t.equal(
      typeof finding.advice,
      finding.status === 'ok' || finding.status === 'skipped' ? 'undefined' : 'string',
    )
  }
  for (const secret of [password, env.SENTRY_CLIENT_SECRET, ...Object.values(KEYS)]) {
    t.notMatch(stdout + stderr, secret)
  }
})

test('an unknown option prints the usage and exits with 2', async (t) => {
  const { code, stderr } = await runDoctor(t, {}, '--verbose')
  t.equal(code, 2)
  t.match(stderr, 'doctor [--json]')
  t.notMatch(stderr, /\n\s+at /)
})

test('settings come from .env too, and the environment wins', async (t) => {
  const directory = t.testdir()
  writeFileSync(join(directory, '.env'), 'PORT=from-the-file\nHOST=somewhere\nBASE_URL=nothing\n')
  const { stdout } = await runDoctor(t, { BASE_URL: 'https://mcp.example.com' }, '--json')
  const errors = list(JSON.parse(stdout).findings, 'error').join('\n')
  t.match(errors, /PORT should be .* \(it is "from-the-file"\)/)
  t.notMatch(errors, 'BASE_URL')
})

test('every secret can come from a file', async (t) => {
  const directory = t.testdir()
  const { url } = await startRedis(t, '--requirepass', 'word', '--appendonly', 'yes')
  const { sentry } = await startDistantSentry(t)
  const proxy = await startForwardProxy(t, { 'sentry.invalid': Number(new URL(sentry.url).port) })
  const secrets: Record<string, string> = {
    ...createSettings(sentry),
    REDIS_URL: url.replace('//', '//:word@'),
    HTTP_PROXY: proxy.url.replace('//', '//user:pass@'),
    HTTPS_PROXY: proxy.url.replace('//', '//user:pass@'),
  }
  const confidential = Object.entries(SETTINGS).filter(([, { secret }]) => secret)
  const env = Object.fromEntries(
    confidential.flatMap(([name]) => {
      if (secrets[name] === undefined) return []
      const file = join(directory, name)
      writeFileSync(file, `${secrets[name]}\n`)
      return [[`${name}_FILE`, file]]
    }),
  )
  t.ok(Object.keys(env).length >= 6)
  const plain = Object.entries(secrets).filter(([name]) => env[`${name}_FILE`] === undefined)
  const { stdout } = await runDoctor(
    t,
    { ...Object.fromEntries(plain), ...env, SENTRY_HOST: 'sentry.invalid' },
    '--json',
  )
  const { findings } = JSON.parse(stdout)
  t.same(list(findings, 'error'), [])
  const text = list(findings, 'ok').join('\n')
  t.match(text, 'The token endpoint accepts SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET')
  t.match(text, 'allows every command that the service needs')
  t.match(text, 'keys: ENCRYPTION_KEY and JWT_SIGNING_KEY look random')
  t.ok(proxy.asked.length > 0)
  t.same(new Set(proxy.credentials), new Set([`Basic ${btoa('user:pass')}`]))
})

test('the doctor takes less than 30 s when nothing responds', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  t.teardown(() => silent.close())
  await once(silent, 'listening')
  const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  const env = {
    ...createSettings({ host, clientId: 'id', clientSecret: 'secret' }),
    BASE_URL: `https://${host}`,
    PORT: host.split(':')[1] ?? '',
    REDIS_URL: `redis://${host}`,
  }
  const begin = Date.now()
  const { code, stdout } = await runDoctor(t, env)
  t.equal(code, 1)
  t.ok(Date.now() - begin < 30_000, `${Date.now() - begin} ms`)
  t.match(stdout, /sentry +error +http:\/\/127\.0\.0\.1:\d+ cannot be reached: no response within 5 s/)
  t.match(stdout, /clock +skipped/)
})

/** A Sentry with the callback of the default settings. */
async function startDistantSentry(t: Test) {
  const sentry = await startSentry({ redirectUris: ['http://localhost:3000/oauth/callback'] })
  t.teardown(() => sentry.close())
  return { sentry }
}
