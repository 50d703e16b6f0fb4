import { test } from 'tap'
import { SETTINGS } from '../../../lib/config/settings.ts'

type Name = keyof typeof SETTINGS

const KEY = 'k'.repeat(32)
const names = Object.keys(SETTINGS) as Name[]

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

const PROXIES = {
  good: {
    'http://proxy.example.com:3128/': 'http://proxy.example.com:3128',
    'https://user:p%40ss@proxy.example.com': 'https://user:p%40ss@proxy.example.com',
    'proxy.example.com:3128': 'http://proxy.example.com:3128',
  },
  bad: ['socks5://proxy.example.com', 'http://', 'ftp://proxy.example.com', 'http://proxy:99999'],
}

const SKILL_LISTS = {
  good: { inspect: ['inspect'], 'Inspect, seer': ['inspect', 'seer'], ',': [] },
  bad: ['everything', 'inspect,everything', 'inspect seer'],
}

/** Texts that a setting takes, with what becomes of them, and texts that it refuses. */
const PARSERS: { [Key in Name]?: { good: Record<string, unknown>; bad: string[] } } = {
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
  SENTRY_CLIENT_ID: {
    good: { abc123: 'abc123' },
    bad: ['"abc', "abc'", '“abc”', '`abc`', '«abc»'],
  },
  SENTRY_CLIENT_SECRET: {
    good: { 'a1+/=_-~': 'a1+/=_-~' },
    bad: ['"abc', "'abc", 'abc"', '„abc“', 'ab"c'],
  },
  ALLOWED_ORGANIZATIONS: {
    good: {
      acme: ['acme'],
      'Acme, acme-labs,acme': ['acme', 'acme-labs'],
      '2acme,a_b': ['2acme', 'a_b'],
    },
    bad: [',', 'acme/web', 'https://acme.sentry.io', 'acme.sentry.io', '*', 'acme labs', '-acme', '4501'],
  },
  SENTRY_PUBLIC_URL: {
    good: {
      'https://sentry.example.com/': 'https://sentry.example.com',
      'https://Sentry.Example.com:443': 'https://sentry.example.com',
      'http://localhost:9000': 'http://localhost:9000',
    },
    bad: [
      ...['sentry.example.com', 'ftp://sentry.example.com', 'https://', 'https://sentry.example.com/sentry'],
      ...['https://sentry.example.com/?x', 'https://sentry.example.com/#x', 'https://a:b@sentry.example.com'],
    ],
  },
  // The texts that it refuses have a file of their own: custom-headers.test.ts.
  SENTRY_CUSTOM_HEADERS: {
    good: { 'X-One: 1; X-Two: a:b': { 'x-one': '1', 'x-two': 'a:b' } },
    bad: ['X-One', ': 1', 'Authorization: Bearer x'],
  },
  SENTRY_CLIENT_CERT: { good: {}, bad: ['/nowhere/certificate.pem', '-----BEGIN CERTIFICATE-----\nno'] },
  SENTRY_CLIENT_KEY: { good: {}, bad: ['/nowhere/key.pem', '-----BEGIN PRIVATE KEY-----\nno'] },
  ALLOWED_ORIGINS: {
    good: {
      'https://app.example.com': ['https://app.example.com'],
      'HTTPS://App.Example.com:443, https://b.example:8443,': [
        'https://app.example.com',
        'https://b.example:8443',
      ],
      'http://localhost:5173': ['http://localhost:5173'],
      'http://127.0.0.1,http://[::1]:3000': ['http://127.0.0.1', 'http://[::1]:3000'],
      ',': [],
    },
    bad: [
      ...[
        '*',
        'null',
        'https://*',
        'https://*.example.com',
        'https://app.example.com:*',
        'https://a.*.example',
      ],
      ...[
        'https://app.example.com/',
        'https://app.example.com/path',
        'https://app.example.com?x',
        'app.example.com',
      ],
      ...[
        'http://app.example.com',
        'http://10.0.0.1',
        'http://localhost.evil.example',
        'https://user@app.example.com',
      ],
      ...['https://app.example.com#x', 'vscode-webview://abc', 'file://', 'https://', '/.*/', '^https://.*$'],
      ...[
        'https://app.example.com,*',
        'https://äpp.example.com',
        'https://app.example.com https://b.example',
      ],
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
  METRICS_PORT: { good: { 9464: 9464 }, bad: ['65536', '/metrics'] },
  SENTRY_DSN: {
    good: {
      'https://abc123@sentry.example.com/sub/7': 'https://abc123@sentry.example.com/sub/7',
      'http://k@127.0.0.1:9000/1': 'http://k@127.0.0.1:9000/1',
    },
    bad: [
      'sentry.example.com',
      'https://sentry.example.com/1',
      'https://abc@sentry.example.com/',
      'ftp://a@b/1',
    ],
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: URLS,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    good: { 'http://collector:4318/v1/traces/': 'http://collector:4318/v1/traces/' },
    bad: URLS.bad,
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    good: { 'http/protobuf': 'http/protobuf', 'http/json': 'http/json' },
    bad: ['grpc', 'http'],
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    good: {
      'Authorization=Bearer%20a=b, x-scope = mcp': { authorization: 'Bearer a=b', 'x-scope': 'mcp' },
      'empty=': { empty: '' },
    },
    bad: ['authorization', '=value', 'a b=c', 'a=%'],
  },
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: { good: { 'a=1,b=2': { a: '1', b: '2' } }, bad: ['a:1'] },
  OTEL_SDK_DISABLED: BOOLEANS,
  AUDIT_LOG: { good: { stdout: 'stdout', FILE: 'file' }, bad: ['syslog', 'stderr'] },
  LOG_LEVEL: { good: { debug: 'debug', WARN: 'warn' }, bad: ['verbose', '30'] },
  SHUTDOWN_GRACE: seconds(1, 3600),
  STORE: { good: { redis: 'redis', embedded: 'embedded' }, bad: ['memory', 'valkey'] },
  REDIS_URL: {
    good: {
      'rediss://user:word@valkey.example.com:6380/2': 'rediss://user:word@valkey.example.com:6380/2',
    },
    bad: ['localhost:6379', 'http://localhost:6379', '6379', 'valkey.example.com'],
  },
  REDIS_WAIT: BOOLEANS,
  REDIS_CA: { good: {}, bad: ['/no/such/file', '/dev/null', '-----BEGIN CERTIFICATE-----'] },
  REDIS_CLIENT_CERT: { good: {}, bad: ['/no/such/file'] },
  REDIS_CLIENT_KEY: { good: {}, bad: ['/no/such/file', '-----BEGIN PRIVATE KEY-----'] },
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
  GRANT_TTL: seconds(3600, 31_536_000),
  REFRESH_GRACE: seconds(0, 3600),
  SENTRY_TOKEN_PASSTHROUGH: BOOLEANS,
  ADVERTISE_ISS: BOOLEANS,
  DCR: { good: { open: 'open', OFF: 'off' }, bad: ['true', 'closed'] },
  DCR_TOKEN: { good: {}, bad: ['short', `${KEY} ${KEY}`, `${KEY}"`] },
  STATIC_CLIENTS: { good: { '[]': [] }, bad: ['{}', 'gateway', '[', '"x"'] },
  CLIENT_ID_METADATA_DOCUMENTS: { good: { auto: 'auto', True: 'true', false: 'false' }, bad: ['yes', '1'] },
  RATE_LIMIT_MCP: COUNTS,
  RATE_LIMIT_AI: COUNTS,
  RATE_LIMIT_OAUTH: COUNTS,
  SERVER_NAME: {
    good: { 'sentry-eu': 'sentry-eu', 'a.b_c': 'a.b_c' },
    bad: ['two words', 'ä', 'x'.repeat(65)],
  },
  SERVER_TITLE: { good: { 'Sentry (EU)': 'Sentry (EU)' }, bad: ['two\nlines', 'x'.repeat(81)] },
  TOOL_SURFACE: { good: { compact: 'compact', FULL: 'full' }, bad: ['all', 'compact,full'] },
  READ_ONLY: BOOLEANS,
  DISABLED_SKILLS: SKILL_LISTS,
  DEFAULT_SKILLS: SKILL_LISTS,
  DISABLED_TOOLS: { good: { 'create_dsn, update_issue': ['create_dsn', 'update_issue'] }, bad: [] },
  DIRECT_SEARCH: BOOLEANS,
  MCP_URL: URLS,
  HTTPS_PROXY: PROXIES,
  HTTP_PROXY: PROXIES,
  NO_PROXY: { good: { 'a.example.com, .b.example.com': ['a.example.com', '.b.example.com'] }, bad: [] },
  OPENAI_BASE_URL: URLS,
  ANTHROPIC_BASE_URL: URLS,
  EMBEDDED_AGENT_PROVIDER: {
    good: { OpenAI: 'openai', 'azure-openai': 'azure-openai' },
    bad: ['gpt', 'azure'],
  },
}

for (const name of names) {
  const table = PARSERS[name]
  if (table === undefined) continue
  test(`${name} accepts valid values and refuses others`, async (t) => {
    for (const [text, value] of Object.entries(table.good)) {
      t.strictSame(SETTINGS[name].parse(text), value, `takes ${JSON.stringify(text)}`)
    }
    for (const text of table.bad)
      t.throws(() => SETTINGS[name].parse(text), `refuses ${JSON.stringify(text)}`)
  })
}

test('every setting that can be wrong is tried above', async (t) => {
  const free = /^(HOST|DATA_DIR|AUDIT_FILE)$/
  const untried = names.filter((name) => SETTINGS[name].expected !== 'text' && !free.test(name))
  t.same(
    untried.filter((name) => PARSERS[name] === undefined),
    [],
  )
})

test('every setting has a sentence for the documentation and completes “NAME should be …”', async (t) => {
  for (const name of names) {
    const { purpose, expected, required, default: fallback } = SETTINGS[name]
    t.match(purpose, /^[A-Z].*\.$/, name)
    t.notMatch(expected, /\.$/, name)
    if (required) t.equal(fallback, undefined)
  }
})
