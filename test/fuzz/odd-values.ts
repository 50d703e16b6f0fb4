import fc from 'fast-check'

/** Part of inputs, which no response may contain unescaped. Request ids, which responses contain, are in lower case. */
export const MARKER = `ZQ<"'&>ZQ`

const BIDI = '\u202e\u2066\u200f'

/** The name of a client that tries to falsify a page. */
export const CLIENT_NAME = `Client ${MARKER}${BIDI}\u0007`

/** Text that is known to break parsers, stores or pages. */
const ODD_TEXTS = [
  ...['', ' ', '\t', '\0', 'a\0b', '\r\n', 'a\r\nset-cookie: a=b', '\u2028', '\ufeff', BIDI, `a${BIDI}b`],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'],
  ...['null', 'undefined', 'true', '0', '-1', '1e400', 'NaN', '[object Object]', '[]', '{}', '{"a":1}'],
  ...['%', '%%', '%0', '%zz', '%00', '%0d%0a', '%c0%af', '%25%30%30', '%u0041', '%ff%fe', '+', ';', '&', '='],
  ...['../', '..%2f', '..\\', '//example.com', '\\\\example.com', 'javascript:alert(1)', 'data:text/html,x'],
  ...['http://localhost', 'https://example.com/', 'https://a@b/', 'https://[::1', 'https://\u0430pple.com/'],
  ...['\ud800', '\udfff', 'a\ud83d', '\ude00b', '\u{1f600}', 'e\u0301', '\u0130', '\uff1c', '\u0000\uffff'],
  ...[
    MARKER,
    `a${MARKER}`,
    `</title>${MARKER}`,
    `"${MARKER}`,
    "' onload='",
    '#{7*7}',
    '{{7*7}}',
    "' OR 1=1--",
  ],
  ...['*', '?', '$', '^', '\\', '|', '`id`', '$(id)', 'code', 'S256', 'allow', 'openid', 'org:read'],
]

const SURROGATES = fc.string({
  unit: fc.constantFrom('\ud800', '\udbff', '\udc00', '\udfff', 'a', '\u{10ffff}'),
  maxLength: 8,
})

/**
 * The limits on the length of a value, in characters: of PKCE and of names of organizations, of `state`, of patterns of
 * redirect URIs and client ids, of strings and texts in arguments, and where text is cut before it is redacted.
 */
const LENGTH_LIMITS = [43, 60, 100, 128, 256, 512, 2_000, 2_048, 8 * 1024, 64 * 1024]

/** Malformed text. Long ones are at each limit on the length of a value and one past it. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(...ODD_TEXTS) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 24 }) },
  { weight: 2, arbitrary: SURROGATES },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom('a', 'é', '%41', 'eyJ-', MARKER),
        fc.constantFrom(...LENGTH_LIMITS.flatMap((limit) => [limit, limit + 1])),
      )
      .map(([text, length]) => text.repeat(Math.ceil(length / text.length)).slice(0, length)),
  },
)

/** Bytes that are not UTF-8 or are ambiguous: NUL, byte order marks, overlong forms, encoded surrogates. */
export const oddBytes: fc.Arbitrary<Buffer> = fc
  .constantFrom(
    ...[
      '00',
      'efbbbf',
      'fffe',
      'feff',
      'c080',
      'c0af',
      'e080af',
      'f08080af',
      'eda080',
      'edbfbf',
      'f4908080',
      'ff',
    ],
    ...[
      '0d0a',
      '0d0a0d0a',
      '26',
      '3d',
      '3d3d',
      '2526',
      '25',
      '253030',
      '22',
      '5c',
      '5c7500',
      '7b',
      '5d',
      '1b5b41',
    ],
  )
  .map((hex) => Buffer.from(hex, 'hex'))

/** Header values that Node's parser accepts: every byte but control characters. */
const oddHeaderText = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    ',',
    ';',
    '=',
    '"',
    '*',
    MARKER,
    '\u00ff\u00fe',
    '__proto__',
    'null',
    'a'.repeat(8000),
  ),
  fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 30,
  }),
)

const CONTENT_TYPES = [
  ...[
    'text/plain',
    'application/json',
    'application/json; charset=utf-16',
    'application/json;charset="',
    'a/b',
  ],
  ...['APPLICATION/X-WWW-FORM-URLENCODED', 'application/x-www-form-urlencoded; charset=utf-7', 'text/html'],
  ...[
    'multipart/form-data; boundary=x',
    'multipart/form-data',
    'application/jsonp',
    'json',
    '/',
    ';',
    ', ,',
    '',
  ],
]

/** A header that is set, or removed where the value is undefined. */
export type HeaderChange = [name: string, value: string | undefined]

export const oddHeader: fc.Arbitrary<HeaderChange> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constant('content-type'), fc.constantFrom(...CONTENT_TYPES, undefined)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant('content-length'), fc.constantFrom('0', '1', '-1', 'abc', '9999999')),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constantFrom(
        ...[
          'accept',
          'authorization',
          'cookie',
          'origin',
          'referer',
          'sec-fetch-site',
          'user-agent',
          'expect',
        ],
        ...[
          'content-encoding',
          'x-forwarded-for',
          'x-forwarded-host',
          'forwarded',
          'accept-version',
          'if-match',
        ],
        ...[
          'mcp-protocol-version',
          'mcp-method',
          'mcp-name',
          'mcp-session-id',
          'last-event-id',
          'range',
          'via',
        ],
      ),
      fc.oneof({ weight: 4, arbitrary: oddHeaderText }, { weight: 1, arbitrary: fc.constant(undefined) }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constant('authorization'),
      fc.constantFrom(
        'Basic',
        'Basic :',
        'Basic Og==',
        'Basic JTAw',
        'Basic Yzo=',
        'Bearer',
        'Bearer a.b.c',
        'Digest a',
      ),
    ),
  },
)
