import { test } from 'tap'
import { loadConfig } from '../../../lib/config/load.ts'
import { SETTINGS } from '../../../lib/config/settings.ts'
import { findMisspelledSettings, findWarnings } from '../../../lib/config/warnings.ts'

const KEY = 'k'.repeat(32)

const COMPLETE = {
  BASE_URL: 'http://localhost:3000',
  SENTRY_HOST: 'sentry.example.com',
  SENTRY_CLIENT_ID: 'the-id',
  SENTRY_CLIENT_SECRET: 'the-secret',
  ENCRYPTION_KEY: KEY,
  JWT_SIGNING_KEY: KEY,
}

// People who tried READONLY=true got a server that writes, and nothing said so.
test('a variable that is almost named as a setting is warned of, without its value', async (t) => {
  const meant: Record<string, string> = {
    READONLY: 'READ_ONLY',
    'READ-ONLY': 'READ_ONLY',
    Read_Only: 'READ_ONLY',
    ALLOWED_REDIRECT_PATTERNS: 'ALLOWED_REDIRECT_URI_PATTERNS',
    ALLOWED_REDIRECT_URI_PATTERN: 'ALLOWED_REDIRECT_URI_PATTERNS',
    SENTRY_CLIENTID: 'SENTRY_CLIENT_ID',
    ENCRYPTION_KEYS: 'ENCRYPTION_KEY',
    JWT_SIGNIN_KEY_FILE: 'JWT_SIGNING_KEY',
    DISABLE_TOOLS: 'DISABLED_TOOLS',
    LOGLEVEL: 'LOG_LEVEL',
    BASEURL: 'BASE_URL',
  }
  for (const [name, setting] of Object.entries(meant)) {
    const [warning = '', ...more] = findMisspelledSettings({ ...COMPLETE, [name]: 'its-value' })
    t.match(warning, `${name} is set, which is not a setting and is ignored. Is ${setting} meant?`)
    t.notMatch(warning, 'its-value')
    t.same(more, [])
  }
})

test('variables of other programs, of the shell and of orchestrators are not warned of', async (t) => {
  const names = [
    ...[
      'PATH',
      'HOME',
      'HOSTNAME',
      'USER',
      'PWD',
      'OLDPWD',
      'SHELL',
      'SHLVL',
      'TERM',
      'LANG',
      'TZ',
      'PS1',
      '_',
    ],
    ...['NODE_ENV', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'NODE_COMPILE_CACHE', 'NPM_CONFIG_CACHE', 'DEBUG'],
    ...[
      'no_proxy',
      'http_proxy',
      'https_proxy',
      'all_proxy',
      'ALL_PROXY',
      'port',
      'CI',
      'EDITOR',
      'LS_COLORS',
    ],
    ...['KUBERNETES_SERVICE_HOST', 'KUBERNETES_PORT', 'REDIS_PORT', 'REDIS_SERVICE_PORT', 'REDIS_HOST'],
    ...[
      'SENTRY_AUTH_TOKEN',
      'SENTRY_ORG',
      'SENTRY_PROJECT',
      'SENTRY_RELEASE',
      'SENTRY_ENVIRONMENT',
      'SENTRY_URL',
    ],
    ...[
      'SENTRY_ACCESS_TOKEN',
      'OPENAI_ORGANIZATION',
      'CREDENTIALS_DIRECTORY',
      'INVOCATION_ID',
      'SYSTEMD_EXEC_PID',
    ],
  ]
  for (const name of [
    ...names,
    ...Object.keys(SETTINGS),
    ...Object.keys(SETTINGS).map((name) => `${name}_FILE`),
  ])
    t.same(findMisspelledSettings({ [name]: 'value' }), [], name)
  t.same(findMisspelledSettings({ READONLY: ' ' }), [], 'an empty one')
})

test('where a required setting is missing, the variable with the wrong name is named beside it', async (t) => {
  const { BASE_URL, ...rest } = COMPLETE
  t.throws(() => loadConfig({ ...rest, BASEURL: BASE_URL }), {
    message:
      /BASE_URL is not set(.|\n)*BASEURL is set, which is not a setting and is ignored\. Is BASE_URL meant\?/,
  })
})

test('a BASE_URL of this machine with another port than PORT is warned of', async (t) => {
  const warn = (env: Record<string, string>) => {
    const all = { ...COMPLETE, ...env }
    return findWarnings(loadConfig(all), all)
  }
  t.match(warn({ PORT: '3199' }), [
    /BASE_URL is http:\/\/localhost:3000, but the server listens on PORT 3199/,
  ])
  t.match(warn({ BASE_URL: 'http://127.0.0.1' }), [/PORT 3000/])
  t.same(warn({}), [])
  t.same(warn({ PORT: '3199', BASE_URL: 'http://[::1]:3199/base' }), [])
  t.same(warn({ PORT: '3199', TRUST_PROXY: '127.0.0.1' }), [], 'behind a proxy')
  t.same(warn({ PORT: '3199', BASE_URL: 'https://mcp.example.com' }), [], 'behind a proxy with TLS')
})
