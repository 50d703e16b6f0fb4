import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'tap'
import { ConfigError, loadConfig } from '../../../lib/config/load.ts'
import { SETTINGS } from '../../../lib/config/settings.ts'
import { ACTIVE_SKILLS } from '../../../lib/model/skills.ts'
import { createCertificate } from '../../support/certificate.ts'

const KEY = 'k'.repeat(32)

const COMPLETE = {
  BASE_URL: 'https://mcp.example.com',
  SENTRY_HOST: 'sentry.example.com',
  SENTRY_CLIENT_ID: 'the-id',
  SENTRY_CLIENT_SECRET: 'the-secret',
  ENCRYPTION_KEY: KEY,
  JWT_SIGNING_KEY: KEY,
}

const REQUIRED = Object.keys(COMPLETE)
const names = Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]

/** The settings that are complete but for what a test changes. */
function load(changes: Record<string, string | undefined> = {}) {
  return loadConfig({ ...COMPLETE, ...changes })
}

/** The sentences of the message, one for each problem. */
function findProblems(changes: Record<string, string | undefined>): string[] {
  try {
    load(changes)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message
      .split('\n')
      .filter((line) => line.startsWith('  - '))
      .map((line) => line.slice(4))
  }
}

test('the defaults are those of the settings table', async (t) => {
  const config = load()
  const defaults = {
    ...COMPLETE,
    ENCRYPTION_KEY: [KEY],
    JWT_SIGNING_KEY: [KEY],
    PORT: 3000,
    HOST: '0.0.0.0',
    STORE: 'redis',
    DATA_DIR: './data',
    REDIS_URL: 'redis://localhost:6379',
    REDIS_WAIT: true,
    REDIS_TLS: undefined,
    REDIS_TLS_REJECT_UNAUTHORIZED: true,
    REDIS_CA: undefined,
    REDIS_CLIENT_CERT: undefined,
    REDIS_CLIENT_KEY: undefined,
    REDIS_SENTINEL_USERNAME: undefined,
    REDIS_SENTINEL_PASSWORD: undefined,
    SENTRY_PROTOCOL: 'https',
    SENTRY_SCOPES: ['org:read', 'project:read', 'project:write', 'team:read', 'team:write', 'event:write'],
    ALLOWED_ORIGINS: [],
    ALLOWED_REDIRECT_URI_PATTERNS: ['*'],
    DIRECT_SEARCH: false,
    MCP_URL: 'https://mcp.sentry.dev',
    HTTPS_PROXY: undefined,
    HTTP_PROXY: undefined,
    NO_PROXY: [],
    TOOL_SURFACE: 'standard',
    READ_ONLY: false,
    DISABLED_SKILLS: [],
    DISABLED_TOOLS: [],
    DEFAULT_SKILLS: ACTIVE_SKILLS,
    LOG_LEVEL: 'info',
    TRUST_PROXY: [],
    ACCESS_TOKEN_TTL: 3600,
    REFRESH_TOKEN_TTL: 2_592_000,
    GRANT_TTL: 31_536_000,
    REFRESH_GRACE: 120,
    RATE_LIMIT_MCP: 600,
    RATE_LIMIT_OAUTH: 120,
    DCR: 'open',
    DCR_TOKEN: undefined,
    STATIC_CLIENTS: [],
    CLIENT_ID_METADATA_DOCUMENTS: 'auto',
    SHUTDOWN_GRACE: 25,
    SENTRY_TOKEN_PASSTHROUGH: false,
  }
  t.strictSame(
    pickSettings(config, (name) => name in defaults),
    defaults,
  )
  t.ok(Object.isFrozen(config))
})

test('no AI provider is set by default', async (t) => {
  const provider = pickSettings(load(), (name) => /^(OPENAI|ANTHROPIC|OPENROUTER|EMBEDDED)_/.test(name))
  t.ok(Object.keys(provider).length >= 10)
  t.same(new Set(Object.values(provider)), new Set([undefined]))
})

test('every missing setting is named at once, with what it should be', async (t) => {
  t.throws(() => loadConfig({}), {
    name: 'ConfigError',
    message: /^Invalid configuration:\n {2}- .*npm run demo needs no settings\.$/s,
  })
  const problems = findProblems(Object.fromEntries(REQUIRED.map((name) => [name, undefined])))
  t.same(
    problems.map((problem) => problem.split(' ')[0]),
    REQUIRED,
  )
  t.match(problems.join('\n'), /BASE_URL is not set: .*https:\/\/mcp\.example\.com/)
  t.equal(problems.filter((problem) => problem.includes('openssl rand -base64 32')).length, 2)
  t.equal(problems.filter((problem) => problem.includes('/settings/account/api/applications/')).length, 2)
})

test('invalid, missing and conflicting settings are all named at once', async (t) => {
  const problems = findProblems({
    BASE_URL: 'http://mcp.example.com',
    SENTRY_HOST: undefined,
    PORT: '70000',
    STORE: 'postgres',
    OPENAI_API_KEY: 'one',
    ANTHROPIC_API_KEY: 'two',
  })
  t.equal(problems.length, 5)
  const text = problems.join('\n')
  t.match(text, /BASE_URL may use http only for this machine/)
  t.match(text, /SENTRY_HOST is not set/)
  t.match(text, /PORT should be a port from 0 to 65535 \(it is "70000"\)/)
  t.match(text, /STORE should be redis or embedded \(it is "postgres"\)/)
  t.match(
    text,
    /EMBEDDED_AGENT_PROVIDER should name the one to use, since OPENAI_API_KEY and ANTHROPIC_API_KEY/,
  )
})

test('a secret is never repeated in a message', async (t) => {
  const secret = `hush-${randomBytes(4).toString('hex')}`
  const bad: Record<string, string> = { ENCRYPTION_KEY: secret, JWT_SIGNING_KEY: `${KEY},${secret}` }
  const text = findProblems({ ...bad, REDIS_URL: `postgres://user:${secret}@db` }).join('\n')
  t.match(text, /ENCRYPTION_KEY should be/)
  t.match(text, /JWT_SIGNING_KEY should be/)
  t.match(text, /REDIS_URL should be/)
  t.notMatch(text, secret)

  const confidential = names.filter((name) => /_(SECRET|KEY)$|^REDIS_URL$|^HTTPS?_PROXY$/.test(name))
  t.ok(confidential.length >= 7)
  for (const name of confidential) t.equal(SETTINGS[name].secret, true, name)
})

test('every setting may come from NAME_FILE, as container secrets do', async (t) => {
  const directory = t.testdir({ secret: 'from a file\n', empty: '\n', port: '8080\r\n' })
  t.match(load({ SENTRY_CLIENT_SECRET: undefined, SENTRY_CLIENT_SECRET_FILE: join(directory, 'secret') }), {
    SENTRY_CLIENT_SECRET: 'from a file',
  })
  t.equal(load({ PORT_FILE: join(directory, 'port') }).PORT, 8080)
  t.equal(load({ PORT_FILE: ' ' }).PORT, 3000, 'an empty path is none')

  const absent = join(directory, 'absent')
  t.match(findProblems({ JWT_SIGNING_KEY: undefined, JWT_SIGNING_KEY_FILE: absent }).join(), absent)
  t.match(findProblems({ JWT_SIGNING_KEY: undefined, JWT_SIGNING_KEY_FILE: absent }).join(), /cannot be read/)
  t.match(
    findProblems({ ENCRYPTION_KEY: undefined, ENCRYPTION_KEY_FILE: join(directory, 'empty') }).join(),
    /ENCRYPTION_KEY is not set/,
  )
  t.same(findProblems({ SENTRY_CLIENT_SECRET_FILE: join(directory, 'secret') }), [
    'SENTRY_CLIENT_SECRET and SENTRY_CLIENT_SECRET_FILE are both set; one of them is enough.',
  ])
  const wrong = findProblems({ ENCRYPTION_KEY: undefined, ENCRYPTION_KEY_FILE: join(directory, 'secret') })
  t.match(wrong.join(), /ENCRYPTION_KEY should be 32 characters/)
  t.notMatch(wrong.join(), /from a file/, 'nor is what the file holds repeated')
})

test('an empty setting counts as not set, and blanks around one do not count', async (t) => {
  t.equal(load({ PORT: '' }).PORT, 3000)
  t.equal(load({ PORT: '  ' }).PORT, 3000)
  t.equal(load({ SENTRY_HOST: ' sentry.io ' }).SENTRY_HOST, 'sentry.io')
  t.match(findProblems({ SENTRY_CLIENT_ID: ' ' }).join(), /SENTRY_CLIENT_ID is not set/)
})

test('BASE_URL may be http only on loopback (RFC 8252 §7.3, OAuth 2.1 §1.5)', async (t) => {
  for (const base of [
    'http://localhost:3000',
    'http://127.0.0.1:3000',
    'http://127.8.8.8',
    'http://[::1]:3000',
  ]) {
    t.equal(load({ BASE_URL: base }).BASE_URL, base)
  }
  for (const base of [
    'http://mcp.example.com',
    'http://localhost.example.com',
    'http://10.0.0.1:3000',
    'http://0.0.0.0:3000',
    'http://127.0.0.1.example.com',
  ]) {
    t.match(findProblems({ BASE_URL: base }).join(), /BASE_URL may use http only for this machine/, base)
  }
})

test('EMBEDDED_AGENT_PROVIDER decides where keys of several providers are set', async (t) => {
  const keys = { OPENAI_API_KEY: 'one', OPENROUTER_API_KEY: 'two' }
  t.equal(findProblems(keys).length, 1)
  t.equal(findProblems({ ...keys, EMBEDDED_AGENT_PROVIDER: 'openrouter' }).length, 0)
  t.equal(findProblems({ OPENAI_API_KEY: 'one' }).length, 0)
})

test('at least one skill must be enabled', async (t) => {
  const left = ACTIVE_SKILLS.slice(1)
  t.same(load({ DISABLED_SKILLS: left.join(',') }).DISABLED_SKILLS, left)
  t.same(findProblems({ DISABLED_SKILLS: [...ACTIVE_SKILLS, 'inspect'].join(',') }), [
    `DISABLED_SKILLS disables every skill, which leaves users nothing to grant; enable at least one of ${ACTIVE_SKILLS.join(', ')}.`,
  ])
})

test('DCR=token and DCR_TOKEN need each other (RFC 7591 §3)', async (t) => {
  t.match(load({ DCR: 'token', DCR_TOKEN: KEY }), { DCR: 'token', DCR_TOKEN: KEY })
  t.match(load({ DCR: 'off', DCR_TOKEN: KEY }), { DCR: 'off' })
  t.match(findProblems({ DCR: 'token' }).join(), /^DCR_TOKEN is not set, and DCR=token/)
  const open = findProblems({ DCR_TOKEN: KEY }).join()
  t.match(open, /^DCR_TOKEN is set, but DCR=open does not require it/)
  t.notMatch(open, KEY)
})

test('redirect URIs of static clients must match ALLOWED_REDIRECT_URI_PATTERNS', async (t) => {
  const STATIC_CLIENTS = JSON.stringify([
    { client_id: 'gateway', redirect_uris: ['https://gateway.example/cb'] },
  ])
  t.equal(load({ STATIC_CLIENTS }).STATIC_CLIENTS.length, 1)
  t.same(findProblems({ STATIC_CLIENTS, ALLOWED_REDIRECT_URI_PATTERNS: 'http://localhost:*' }), [
    'STATIC_CLIENTS gives "gateway" a redirect URI that ALLOWED_REDIRECT_URI_PATTERNS does not allow.',
  ])
})

test('all problems of static clients are named without their secrets', async (t) => {
  const STATIC_CLIENTS = JSON.stringify([{ client_id: 'c1.x', client_secret: 'hush' }, 5])
  const problems = findProblems({ STATIC_CLIENTS, PORT: 'x' })
  t.equal(problems.length, 5)
  t.equal(problems.filter((problem) => problem.startsWith('STATIC_CLIENTS: client 1: ')).length, 3)
  t.match(problems.join('\n'), /^STATIC_CLIENTS: client 2: /m)
  t.notMatch(problems.join('\n'), /hush/)
})

test('a message says what the setting should be, and what it is', async (t) => {
  for (const [name, text] of [
    ['PORT', '65536'],
    ['TRUST_PROXY', 'abc'],
    ['ALLOWED_REDIRECT_URI_PATTERNS', 'https://*'],
    ['SENTRY_HOST', 'https://sentry.io'],
  ] as const) {
    t.same(findProblems({ [name]: text }), [
      `${name} should be ${SETTINGS[name].expected} (it is ${JSON.stringify(text)}).`,
    ])
  }
})

function pickSettings(config: object, isWanted: (name: string) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([name]) => isWanted(name)))
}

test('a certificate may be PEM, PEM with escaped line breaks, or the path of a file', async (t) => {
  const { cert, key, file, keyFile } = await createCertificate(t, 'redis.test')
  for (const REDIS_CA of [cert, file, cert.replaceAll('\n', '\\n')]) {
    t.equal(load({ REDIS_CA }).REDIS_CA?.trim(), cert.trim())
  }
  t.equal(load({ REDIS_CA_FILE: file }).REDIS_CA?.trim(), cert.trim())
  const pair = { REDIS_CLIENT_CERT: file, REDIS_CLIENT_KEY: keyFile }
  t.match(load(pair), { REDIS_CLIENT_CERT: cert, REDIS_CLIENT_KEY: key })
  t.same(findProblems({ REDIS_CLIENT_CERT: file, REDIS_CLIENT_KEY: 'hush' }), [
    'REDIS_CLIENT_KEY: cannot read the file.',
  ])
  t.same(findProblems({ REDIS_CLIENT_CERT: file }), [
    'REDIS_CLIENT_CERT and REDIS_CLIENT_KEY need each other: set both, or neither.',
  ])
  t.same(findProblems({ REDIS_CA: keyFile, REDIS_CLIENT_CERT: '/no/such/file', REDIS_CLIENT_KEY: keyFile }), [
    'REDIS_CA: it is not a certificate in PEM form.',
    'REDIS_CLIENT_CERT: cannot read the file "/no/such/file".',
  ])
})

test('a client certificate for Sentry needs its own key, and TLS', async (t) => {
  const [own, other] = [await createCertificate(t, 'sentry-mcp'), await createCertificate(t, 'other')]
  const pair = { SENTRY_CLIENT_CERT: own.file, SENTRY_CLIENT_KEY: own.keyFile }
  t.match(load(pair), { SENTRY_CLIENT_CERT: own.cert, SENTRY_CLIENT_KEY: own.key })
  t.match(load({ SENTRY_CLIENT_CERT_FILE: own.file, SENTRY_CLIENT_KEY_FILE: own.keyFile }), {
    SENTRY_CLIENT_KEY: own.key.trim(),
  })
  for (const [changes, problem] of [
    [{ ...pair, SENTRY_CLIENT_KEY: undefined }, /need each other: set both, or neither\./],
    [{ ...pair, SENTRY_CLIENT_CERT: undefined }, /need each other: set both, or neither\./],
    [
      { ...pair, SENTRY_CLIENT_KEY: other.keyFile },
      /^SENTRY_CLIENT_KEY is not the key of SENTRY_CLIENT_CERT/,
    ],
    [{ ...pair, SENTRY_CLIENT_KEY: '/no/such/file' }, /^SENTRY_CLIENT_KEY: cannot read the file\.$/],
    [{ ...pair, SENTRY_PROTOCOL: 'http' }, /needs TLS, and SENTRY_PROTOCOL is http/],
  ] as const)
    t.match(findProblems(changes), [problem])
})

test('settings for an access proxy are refused with sentry.io, which has none', async (t) => {
  const headers = { SENTRY_CUSTOM_HEADERS: 'X-Access: hush' }
  t.match(load(headers), { SENTRY_CUSTOM_HEADERS: { 'x-access': 'hush' } })
  const publicUrl = { SENTRY_PUBLIC_URL: 'https://sentry.example.com' }
  for (const SENTRY_HOST of ['sentry.io', 'acme.sentry.io']) {
    t.match(findProblems({ ...headers, SENTRY_HOST }), [
      /^SENTRY_CUSTOM_HEADERS cannot be used with sentry\.io/,
    ])
    t.match(findProblems({ ...publicUrl, SENTRY_HOST }), [
      /^SENTRY_PUBLIC_URL cannot be used with sentry\.io/,
    ])
  }
  t.match(findProblems({ SENTRY_PUBLIC_URL: 'https://acme.sentry.io' }), [/set SENTRY_HOST to sentry\.io/])
})

test('Proxy-Authorization for Sentry needs a way around the outbound proxy', async (t) => {
  const headers = {
    SENTRY_CUSTOM_HEADERS: 'Proxy-Authorization: Bearer hush',
    SENTRY_HOST: 'sentry.internal:9000',
  }
  const proxy = { HTTPS_PROXY: 'http://proxy.example.com:3128' }
  t.same(findProblems(headers), [])
  t.match(findProblems({ ...headers, ...proxy }), [/would take for itself: add SENTRY_HOST to NO_PROXY/])
  for (const NO_PROXY of ['sentry.internal', 'sentry.internal:9000', '.internal', '*'])
    t.same(findProblems({ ...headers, ...proxy, NO_PROXY }), [], NO_PROXY)
})

test('an invalid REDIS_URL is explained without repeating it', async (t) => {
  const findRedisProblems = (REDIS_URL: string, more = {}) => findProblems({ REDIS_URL, ...more }).join('\n')
  t.match(
    findRedisProblems('redis+sentinel://:hush@s1,s2'),
    /^REDIS_URL: a URL for Sentinel must end with the name/,
  )
  t.match(
    findRedisProblems('redis+cluster://:hush@h/1'),
    /^REDIS_URL: a URL for a cluster must end after the hosts/,
  )
  t.match(findRedisProblems('redis://:hush@h1,h2'), /^REDIS_URL: a URL with several hosts must begin with/)
  t.match(findRedisProblems('amqp://:hush@h1'), /^REDIS_URL should be redis:\/\/host:6379, redis\+sentinel/)
  const sentinel = { REDIS_SENTINEL_PASSWORD: 'hush' }
  t.match(findRedisProblems('redis://h', sentinel), 'REDIS_URL names no sentinels')
  t.equal(findRedisProblems('redis+sentinel://s/name', sentinel), '')
  t.match(
    findRedisProblems('redis+sentinel://s/name', { REDIS_SENTINEL_USERNAME: 'u' }),
    'REDIS_SENTINEL_PASSWORD is not set',
  )
  for (const url of ['redis+sentinel://:hush@s1', 'redis://:hush@h1,h2'])
    t.notMatch(findRedisProblems(url), 'hush')
})

test('a pair of quotes around a value is taken off, any other quote is refused by name', async (t) => {
  for (const quoted of ['"the-secret"', "'the-secret'", ' "the-secret" ', '" the-secret "'])
    t.equal(load({ SENTRY_CLIENT_SECRET: quoted }).SENTRY_CLIENT_SECRET, 'the-secret', quoted)
  t.equal(load({ SENTRY_CLIENT_ID: '"the-id"' }).SENTRY_CLIENT_ID, 'the-id')
  t.equal(load({ SENTRY_HOST: "'sentry.io'" }).SENTRY_HOST, 'sentry.io')
  t.equal(load({ PORT: '"8080"' }).PORT, 8080)
  t.match(load({ STATIC_CLIENTS: `'[{"client_id":"a","redirect_uris":["https://a.example/"]}]'` }), {
    STATIC_CLIENTS: [{ id: 'a' }],
  })
  const directory = t.testdir({ secret: '"from a file"\n'.replaceAll(' ', '-') })
  const changes = {
    SENTRY_CLIENT_SECRET: undefined,
    SENTRY_CLIENT_SECRET_FILE: `"${join(directory, 'secret')}"`,
  }
  t.equal(load(changes).SENTRY_CLIENT_SECRET, 'from-a-file')
  for (const wrong of ['"the-secret', "the-secret'", `"the-secret'`, '“the-secret”', '\'"the-secret"\'', '"'])
    t.match(
      findProblems({ SENTRY_CLIENT_SECRET: wrong }),
      [/^SENTRY_CLIENT_SECRET: it has a quotation mark/],
      wrong,
    )
  t.notMatch(
    findProblems({ SENTRY_CLIENT_SECRET: '"the-secret' }).join(),
    'the-secret',
    'without repeating it',
  )
  for (const empty of ['""', "''", '" "'])
    t.match(findProblems({ SENTRY_CLIENT_SECRET: empty }), [/^SENTRY_CLIENT_SECRET is not set/], empty)
})

// Editors on Windows write it; the first name of .env then begins with it.
test('a byte order mark before the first variable changes nothing', async (t) => {
  t.equal(load({ BASE_URL: undefined, '\uFEFFBASE_URL': 'https://b.example' }).BASE_URL, 'https://b.example')
})

test('a BASE_URL that ends in /mcp is refused with the one that is meant', async (t) => {
  for (const [given, meant] of [
    ['https://mcp.example.com/mcp', 'https://mcp.example.com'],
    ['https://mcp.example.com/mcp/', 'https://mcp.example.com'],
    ['http://localhost:3000/sentry/mcp', 'http://localhost:3000/sentry'],
  ]) {
    t.match(findProblems({ BASE_URL: given }), [
      `BASE_URL: it is the address of the server, to which /mcp is added for clients: set it to ${meant}`,
    ])
  }
  t.equal(load({ BASE_URL: 'https://example.com/mcp-server' }).BASE_URL, 'https://example.com/mcp-server')
})
