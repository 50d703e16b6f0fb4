import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { ConfigError, loadConfig } from '../../lib/config.ts'
import { SETTINGS } from '../../lib/settings.ts'
import { ACTIVE_SKILLS } from '../../lib/skills.ts'

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

function findProblems(changes: Record<string, string | undefined>): readonly string[] {
  try {
    load(changes)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

test('the defaults are those of the settings table', async (t) => {
  const config = load()
  t.same(config, {
    ...COMPLETE,
    ENCRYPTION_KEY: [KEY],
    JWT_SIGNING_KEY: [KEY],
    PORT: 3000,
    HOST: '0.0.0.0',
    STORE: 'redis',
    DATA_DIR: './data',
    REDIS_URL: 'redis://localhost:6379',
    REDIS_TLS: undefined,
    REDIS_TLS_REJECT_UNAUTHORIZED: true,
    SENTRY_PROTOCOL: 'https',
    SENTRY_SCOPES: ['org:read', 'project:read', 'project:write', 'team:read', 'team:write', 'event:write'],
    ALLOWED_REDIRECT_URI_PATTERNS: ['*'],
    DIRECT_SEARCH: false,
    MCP_URL: 'https://mcp.sentry.dev',
    TOOL_SURFACE: 'standard',
    READ_ONLY: false,
    DISABLED_SKILLS: [],
    DISABLED_TOOLS: [],
    DEFAULT_SKILLS: ACTIVE_SKILLS,
    LOG_LEVEL: 'info',
    TRUST_PROXY: [],
    ACCESS_TOKEN_TTL: 3600,
    REFRESH_TOKEN_TTL: 2_592_000,
    REFRESH_GRACE: 120,
    RATE_LIMIT_MCP: 600,
    RATE_LIMIT_OAUTH: 120,
    SHUTDOWN_GRACE: 25,
    ...pickSettings(config, (name) =>
      /^(OPENAI|ANTHROPIC|OPENROUTER|EMBEDDED|CLIENT_ID_M|SENTRY_TOK|METRICS)/.test(name),
    ),
  })
  t.ok(Object.isFrozen(config))
})

test('no AI provider is set by default', async (t) => {
  const provider = pickSettings(load(), (name) => /^(OPENAI|ANTHROPIC|OPENROUTER|EMBEDDED)_/.test(name))
  t.ok(Object.keys(provider).length >= 10)
  t.same(new Set(Object.values(provider)), new Set([undefined]))
})

test('every missing setting is named at once, with what it should be', async (t) => {
  t.throws(() => loadConfig({}), { name: 'ConfigError', message: /^The settings are not complete:\n {2}- / })
  const problems = findProblems(Object.fromEntries(REQUIRED.map((name) => [name, undefined])))
  t.same(
    problems.map((problem) => problem.split(' ')[0]),
    REQUIRED,
  )
  t.match(problems.join('\n'), /BASE_URL is not set: .*https:\/\/mcp\.example\.com/)
  t.equal(problems.filter((problem) => problem.includes('openssl rand -base64 32')).length, 2)
  t.equal(problems.filter((problem) => problem.includes('/settings/account/api/applications/')).length, 2)
})

test('what is wrong, what is missing and what contradicts is all named at once', async (t) => {
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

  const confidential = names.filter((name) => /_(SECRET|KEY)$|^REDIS_URL$/.test(name))
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

const BOOLEANS = {
  good: { true: true, false: false, 1: true, 0: false },
  bad: ['TRUE', 'yes', 'on', '2', 'true false'],
}

const seconds = (least: number, most: number) => ({
  good: { [least]: least, [most]: most },
  bad: [String(least - 1), String(most + 1), '1h', '1.5', '-60', '1e3', '60 s'],
})

const COUNTS = {
  good: { 0: 0, 1: 1, 600: 600, 999999999: 999_999_999 },
  bad: ['-1', '1.5', 'many', '0x10', '1e3'],
}

const URLS = {
  good: {
    'https://llm.example.com/v1/': 'https://llm.example.com/v1',
    'http://10.0.0.1:8080': 'http://10.0.0.1:8080',
  },
  bad: ['llm.example.com', 'ftp://llm.example.com', '/v1', 'https://'],
}

const SKILL_LISTS = {
  good: { inspect: ['inspect'], 'Inspect, seer': ['inspect', 'seer'], ',': [] },
  bad: ['everything', 'inspect,everything', 'inspect seer'],
}

const PARSERS: { [Name in keyof typeof SETTINGS]?: { good: Record<string, unknown>; bad: string[] } } = {
  BASE_URL: {
    good: {
      'https://mcp.example.com/': 'https://mcp.example.com',
      'https://mcp.example.com:443': 'https://mcp.example.com',
      'https://MCP.Example.com:8443//': 'https://mcp.example.com:8443',
      'https://example.com/sentry/': 'https://example.com/sentry',
    },
    bad: [
      'mcp.example.com',
      'ftp://mcp.example.com',
      'https://mcp.example.com?x=1',
      'https://mcp.example.com/#top',
      'https://user@mcp.example.com',
      'https://user:word@mcp.example.com',
      'https://:word@mcp.example.com',
      'https://',
    ],
  },
  SENTRY_HOST: {
    good: {
      'sentry.io': 'sentry.io',
      'Sentry.Example.COM': 'sentry.example.com',
      'sentry.internal:9000': 'sentry.internal:9000',
      'sentry.io:443': 'sentry.io:443',
      '127.0.0.1:8000': '127.0.0.1:8000',
      '[::1]:8000': '[::1]:8000',
    },
    bad: [
      'https://sentry.io',
      'sentry.io/',
      'sentry.io/organizations',
      'user@sentry.io',
      'sentry.io?x',
      'sentry.io#x',
      'sentry .io',
      'sentry.io\\evil.example',
      'sentry.io:99999',
      ':443',
      '127.1',
    ],
  },
  ENCRYPTION_KEY: {
    good: {
      [KEY]: [KEY],
      [`${KEY}, ${'n'.repeat(40)} `]: [KEY, 'n'.repeat(40)],
      [`${KEY},`]: [KEY],
    },
    bad: ['short', `${KEY},short`, `short,${KEY}`, ','],
  },
  JWT_SIGNING_KEY: { good: { [KEY]: [KEY] }, bad: ['k'.repeat(31)] },
  PORT: { good: { 0: 0, 65535: 65_535 }, bad: ['65536', '-1', 'http', '80.5'] },
  TRUST_PROXY: {
    good: {
      '10.0.0.0/8,127.0.0.1': ['10.0.0.0/8', '127.0.0.1'],
      'loopback, fd00::/8': ['loopback', 'fd00::/8'],
      'uniquelocal,linklocal': ['uniquelocal', 'linklocal'],
    },
    bad: [
      'true',
      '1',
      'abc',
      'nginx',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '999.0.0.1',
      'fd00::/129',
      '10.1',
    ],
  },
  LOG_LEVEL: { good: { debug: 'debug', WARN: 'warn' }, bad: ['verbose', '30'] },
  SHUTDOWN_GRACE: seconds(1, 3600),
  STORE: { good: { redis: 'redis', embedded: 'embedded' }, bad: ['memory', 'valkey'] },
  REDIS_URL: {
    good: {
      'rediss://user:word@valkey.example.com:6380/2': 'rediss://user:word@valkey.example.com:6380/2',
    },
    bad: ['localhost:6379', 'http://localhost:6379', '6379', 'valkey.example.com'],
  },
  REDIS_TLS: BOOLEANS,
  REDIS_TLS_REJECT_UNAUTHORIZED: BOOLEANS,
  SENTRY_PROTOCOL: { good: { https: 'https', HTTP: 'http' }, bad: ['https://', 'ftp'] },
  SENTRY_SCOPES: {
    good: {
      'org:read,project:read': ['org:read', 'project:read'],
      'org:read project:read,  org:read': ['org:read', 'project:read'],
      openid: ['openid'],
    },
    bad: [',', 'org:read;project:read', 'org:read"', 'ORG:READ'],
  },
  ALLOWED_REDIRECT_URI_PATTERNS: {
    good: { '*': ['*'], 'http://localhost:*, cursor://*': ['http://localhost:*', 'cursor://*'] },
    bad: [',', 'localhost', 'https://*', 'https://*.com/*', 'https://a.example/x*', '*,https://*', '.*'],
  },
  ACCESS_TOKEN_TTL: seconds(60, 86_400),
  REFRESH_TOKEN_TTL: seconds(3600, 31_536_000),
  REFRESH_GRACE: seconds(0, 3600),
  RATE_LIMIT_MCP: COUNTS,
  RATE_LIMIT_OAUTH: COUNTS,
  TOOL_SURFACE: { good: { compact: 'compact', FULL: 'full' }, bad: ['all', 'compact,full'] },
  READ_ONLY: BOOLEANS,
  DISABLED_SKILLS: SKILL_LISTS,
  DEFAULT_SKILLS: SKILL_LISTS,
  DISABLED_TOOLS: { good: { 'create_dsn, update_issue': ['create_dsn', 'update_issue'] }, bad: [] },
  DIRECT_SEARCH: BOOLEANS,
  MCP_URL: URLS,
  OPENAI_BASE_URL: URLS,
  ANTHROPIC_BASE_URL: URLS,
  EMBEDDED_AGENT_PROVIDER: {
    good: { OpenAI: 'openai', 'azure-openai': 'azure-openai' },
    bad: ['gpt', 'azure'],
  },
}

for (const [name, { good, bad }] of Object.entries(PARSERS)) {
  test(`${name} takes what it should be, and nothing else`, async (t) => {
    for (const [text, value] of Object.entries(good)) {
      t.same(load({ [name]: text })[name as keyof typeof SETTINGS], value, `takes ${JSON.stringify(text)}`)
    }
    for (const text of bad) expectRefusal(t, name, text)
  })
}

test('every setting that can be wrong is tried above', async (t) => {
  const free = names.filter((name) => SETTINGS[name].expected === 'text' || /^(HOST|DATA_DIR)$/.test(name))
  const credentials = ['SENTRY_CLIENT_ID', 'SENTRY_CLIENT_SECRET']
  const untried = names.filter((name) => ![...free, ...credentials, ...Object.keys(PARSERS)].includes(name))
  t.same(untried, [])
})

function expectRefusal(t: Test, name: string, text: string): void {
  const problems = findProblems({ [name]: text })
  t.ok(problems[0]?.startsWith(`${name} should be `), `refuses ${JSON.stringify(text)}`)
  t.equal(problems.length, 1)
}

function pickSettings(config: object, isWanted: (name: string) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([name]) => isWanted(name)))
}
