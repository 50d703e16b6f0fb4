import { test } from 'tap'
import { parseCustomHeaders } from '../../../lib/config/custom-headers.ts'
import { ConfigError, loadConfig } from '../../../lib/config/load.ts'
import { SettingError } from '../../../lib/config/setting.ts'

const VALUE = 'q7Zr4-secret-value'

function findProblems(text: string): readonly string[] {
  try {
    parseCustomHeaders(text)
    return []
  } catch (error) {
    if (!(error instanceof SettingError)) throw error
    return error.problems
  }
}

test('headers are separated by semicolons or line breaks, as in Sentry’s CLI', async (t) => {
  for (const [text, headers] of [
    ['CF-Access-Client-Id: a.access', { 'cf-access-client-id': 'a.access' }],
    ['X-One: 1; X-Two: 2', { 'x-one': '1', 'x-two': '2' }],
    ['X-One: 1\nX-Two: 2\n', { 'x-one': '1', 'x-two': '2' }],
    ['X-One:1\r\n;;X-Two :  2 ;', { 'x-one': '1', 'x-two': '2' }],
    ['X-Url: https://a.example:8443/x', { 'x-url': 'https://a.example:8443/x' }],
    ['Proxy-Authorization: Bearer abc', { 'proxy-authorization': 'Bearer abc' }],
    ['X-Forwarded-Proto: https', { 'x-forwarded-proto': 'https' }],
    ['__proto__: x', { ['__proto__']: 'x' }],
  ] as const) {
    t.strictSame(Object.entries(parseCustomHeaders(text)), Object.entries(headers), JSON.stringify(text))
  }
})

test('headers that would break requests are refused by name, with what to do', async (t) => {
  const names = [
    ...['Authorization', 'Host', 'Cookie', 'User-Agent', 'Accept', 'Accept-Encoding', 'Content-Type'],
    ...[
      'Content-Length',
      'content-encoding',
      'Transfer-Encoding',
      'Connection',
      'Keep-Alive',
      'TE',
      'Trailer',
    ],
    ...[
      'Upgrade',
      'Proxy-Connection',
      'Proxy-Authenticate',
      'Expect',
      'HTTP2-Settings',
      'sentry-trace',
      'baggage',
    ],
    ...['traceparent', 'If-None-Match', 'Range'],
  ]
  for (const name of names) {
    const problems = findProblems(`X-Fine: 1; ${name}: ${VALUE}`)
    t.equal(problems.length, 1, name)
    t.match(problems[0], new RegExp(`^${name} cannot be set, because .*Remove it\\.$`))
    t.notMatch(problems, VALUE)
  }
})

test('a malformed header is named by its place, and no value is repeated', async (t) => {
  for (const [text, problem] of [
    [`X-Fine: 1; ${VALUE}`, /^header 2 of 2 has no colon.*a value cannot have one\.$/],
    [`X Spaced: ${VALUE}`, /^header 1 of 1 has a name that/],
    [`: ${VALUE}`, /^header 1 of 1 has a name that is empty/],
    [`"X-Quoted: ${VALUE}`, /^header 1 of 1 has a name that/],
    [`X-Ü: ${VALUE}`, /^header 1 of 1 has a name that/],
    ['X-Empty:', /^X-Empty has no value/],
    [`X-One: ${VALUE}; x-one: ${VALUE}`, /^x-one is there twice/],
    [`X-One: ${VALUE}\u0000`, /^the value of X-One has a control character/],
    [`X-One: a\u000b${VALUE}`, /^the value of X-One has a control character/],
    [`X-One: a\t${VALUE}`, /^the value of X-One has a control character/],
    [`X-One: a\u2028${VALUE}`, /^the value of X-One has a control character, or one outside ASCII/],
    [`X-One: ü${VALUE}`, /^the value of X-One has a control character, or one outside ASCII/],
    [';', /^there is no header in it/],
  ] as const) {
    const problems = findProblems(text)
    // Not the text: a line separator in the name of an assertion ends it for tap.
    t.match(problems, [problem])
    t.equal(problems.length, 1, problem.source)
    t.notMatch(problems, VALUE)
  }
  t.equal(findProblems('nothing; Host: x; Cookie: y').length, 3, 'all problems at once')
})

test('the message at start names the setting and repeats no value', async (t) => {
  const env = {
    BASE_URL: 'https://mcp.example.com',
    SENTRY_HOST: 'sentry.example.com',
    SENTRY_CLIENT_ID: 'id',
    SENTRY_CLIENT_SECRET: 'secret',
    ENCRYPTION_KEY: 'k'.repeat(32),
    JWT_SIGNING_KEY: 'k'.repeat(32),
    SENTRY_CUSTOM_HEADERS: `Authorization: Bearer ${VALUE}\n${VALUE}`,
  }
  const error = t.throws(() => loadConfig(env), ConfigError) as Error
  t.match(error.message, /SENTRY_CUSTOM_HEADERS: Authorization cannot be set/)
  t.match(error.message, /SENTRY_CUSTOM_HEADERS: header 2 of 2 has no colon/)
  t.notMatch(error.message, VALUE)
})
