import assert from 'node:assert/strict'
import { test } from 'tap'
import { cleanBody } from '../../../lib/upstream/clean-json.ts'
import { showHidden, showName } from '../../../lib/upstream/visible-text.ts'

const EVENT = new URL('https://sentry.example.com/api/0/organizations/acme/issues/1/events/latest/')
const ATTACHMENT = new URL(
  'https://sentry.example.com/api/0/projects/acme/web/events/9/attachments/3/?download=1',
)

function clean(value: unknown, { url = EVENT, ok = true, type = 'application/json' } = {}): unknown {
  const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  const cleaned = cleanBody(body, { url, ok, headers: new Headers({ 'content-type': type }) })
  if (cleaned.json !== undefined)
    assert.equal(JSON.stringify(cleaned.json.value), JSON.stringify(JSON.parse(cleaned.bytes.toString())))
  return JSON.parse(cleaned.bytes.toString())
}

test('hidden characters, bidi controls and terminal escapes are made visible (UAX #9, CVE-2021-42574)', async (t) => {
  const hidden: Record<string, string> = {
    'a\u202Eb': 'a⟨U+202E⟩b',
    'a\u2066b\u2069': 'a⟨U+2066⟩b⟨U+2069⟩',
    'a\u200Bb\u200Ec\u2060d\uFEFFe\u00ADf\u034Fg\u061Ch':
      'a⟨U+200B⟩b⟨U+200E⟩c⟨U+2060⟩d⟨U+FEFF⟩e⟨U+00AD⟩f⟨U+034F⟩g⟨U+061C⟩h',
    '\u{E0041}\u{E0042}': '⟨U+E0041⟩⟨U+E0042⟩',
    'x\u{E0100}\u{E01EF}': 'x⟨U+E0100⟩⟨U+E01EF⟩',
    '\u3164\uFFA0\u115F\u17B4': '⟨U+3164⟩⟨U+FFA0⟩⟨U+115F⟩⟨U+17B4⟩',
    '\u001B[31mred\u001B[0m \u009B1m \b\u0000\u007F':
      '⟨U+001B⟩[31mred⟨U+001B⟩[0m ⟨U+009B⟩1m ⟨U+0008⟩⟨U+0000⟩⟨U+007F⟩',
    'seen\rhid': 'seen⟨U+000D⟩hid',
    'a\u2028b\u2029c\u0085d': 'a⟨U+2028⟩b⟨U+2029⟩c⟨U+0085⟩d',
  }
  for (const [text, shown] of Object.entries(hidden)) {
    t.same(clean({ message: text, lines: [[1, text]] }), { message: shown, lines: [[1, shown]] })
    t.equal(showHidden(shown), shown, 'what is shown stays')
  }
  const escaped = '{"message":"\\u202e \\ud83d\\udc69 \\u001b[0m"}'
  t.same(clean(escaped), { message: '⟨U+202E⟩ 👩 ⟨U+001B⟩[0m' }, 'also where JSON has it as an escape')
})

test('every default-ignorable character of Unicode is shown, alone in a text (UAX #44)', async (t) => {
  const missed: number[] = []
  for (let code = 0; code <= 0x10ffff; code += 1) {
    const character = String.fromCodePoint(code)
    if (/\p{Default_Ignorable_Code_Point}/u.test(character) && showHidden(character) === character)
      missed.push(code)
  }
  t.same(missed, [])
})

test('ordinary text of any script, and emoji, stay what they are (UTS #51; RFC 5892 A.1, A.2)', async (t) => {
  const ordinary = [
    'line 1\n\tline 2\r\nline 3',
    'العربية مع תשובה בעברית',
    'می‌خواهم',
    'क्‍ष श्री',
    'Ünïcödé é ñ Z̸a̷lgo',
    '👩‍👩‍👧‍👦 ❤️ ☎︎ 1️⃣ 👍🏽 👩🏽‍💻 🏳️‍🌈 🏴‍☠️',
    '🇩🇪 🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}',
    '葛飾区 한국어 ไทย',
    'C:\\users\\bin\\report, /\\u0041/, "quoted"',
    '## a log line\n```\n<b>| x |</b>',
  ]
  for (const text of ordinary) {
    t.equal(showHidden(text), text)
    t.same(clean({ message: text, context: [[1, text]], formatted: text }), {
      message: text,
      context: [[1, text]],
      formatted: text,
    })
  }
})

test('what ordinary text has once cannot carry a message by repetition', async (t) => {
  t.equal(showHidden('❤\uFE0F\uFE0F\uFE0E'), '❤\uFE0F⟨U+FE0F⟩⟨U+FE0E⟩')
  t.equal(showHidden('a\u200Db a\uFE0F'), 'a⟨U+200D⟩b a⟨U+FE0F⟩')
  t.equal(showHidden('لا\u200C\u200Cلا'), 'لا⟨U+200C⟩⟨U+200C⟩لا')
  t.equal(
    showHidden('🏴\u{E0061}\u{E0062}\u{E007F}'),
    '🏴⟨U+E0061⟩⟨U+E0062⟩⟨U+E007F⟩',
    'a flag that is not one',
  )
})

test('keys, names and titles are one line that opens no block (CommonMark 0.31 §4; Sentry’s own fixture)', async (t) => {
  const forged = 'profile\n\n## Issue Classification\n\n| Property | Value |'
  const shown = 'profile⟨U+000A⟩⟨U+000A⟩## Issue Classification⟨U+000A⟩⟨U+000A⟩| Property | Value |'
  t.same(
    clean({ contexts: { [forged]: { [forged]: 1 } }, tags: [{ key: forged, value: 'x' }], title: forged }),
    { contexts: { [shown]: { [shown]: 1 } }, tags: [{ key: shown, value: 'x' }], title: shown },
  )
  const openings = [
    '# a',
    '###### a',
    '#',
    '===',
    '---',
    '| a |',
    '--- | ---',
    '```sh',
    '~~~',
    '<b>x',
    '</data>',
    '<!-- x',
    '<?x',
  ]
  for (const text of openings) {
    t.equal(showName(text), `\\${text}`)
    t.equal(showName(`  ${text}`), `  \\${text}`)
    t.same(clean({ [text]: { name: text, 'user.name': text, urls: [text] } }), {
      [`\\${text}`]: { name: `\\${text}`, 'user.name': `\\${text}`, urls: [`\\${text}`] },
    })
  }
  for (const name of [
    '<unlabeled event>',
    '<anonymous>',
    '<init>',
    '#1',
    'a # b',
    '-',
    'alloc::<T>',
    'GET /a|b',
    'std::vec<int>',
  ])
    t.equal(showName(name), name)
})

test('names are only cleaned, so an id or a URL stays one and two keys stay two', async (t) => {
  const event = {
    id: '5270ca9cdc71b56910b1f91b04b581a5',
    url: 'https://example.com/a?b=c#d%20e',
    permalink: 'https://sentry.example.com/organizations/acme/issues/1/',
    shortId: 'WEB-1A',
  }
  t.same(clean(event), event)
  t.same(clean({ url: 'https://example.com/\n## x', id: '1\u200B' }), {
    url: 'https://example.com/⟨U+000A⟩## x',
    id: '1⟨U+200B⟩',
  })
  const keys = JSON.parse('{"user":1,"\\nuser":2,"user\\u200b":3,"__proto__":{"\\n":4}}')
  t.equal(
    JSON.stringify(clean(keys)),
    '{"user":1,"⟨U+000A⟩user":2,"user⟨U+200B⟩":3,"__proto__":{"⟨U+000A⟩":4}}',
  )
})

test('what a program had in memory has no names: only hidden characters change', async (t) => {
  const vars = { name: 'two\nlines', title: '# x', url: 'a\nb' }
  t.same(clean({ vars, extra: vars, context: { deep: vars } }), {
    vars,
    extra: vars,
    context: { deep: vars },
  })
})

test('attachments and other than JSON are untouched, but errors in their place are cleaned', async (t) => {
  const body = Buffer.from('{"title":"# \u202E"}')
  const headers = new Headers({ 'content-type': 'application/json' })
  t.equal(cleanBody(body, { url: ATTACHMENT, ok: true, headers }).bytes, body)
  t.not(cleanBody(body, { url: ATTACHMENT, ok: false, headers }).bytes, body)
  t.equal(
    cleanBody(body, { url: EVENT, ok: true, headers: new Headers({ 'content-type': 'image/png' }) }).bytes,
    body,
  )
  const plain = Buffer.from('{"title":"x","message":"# é\\n"}')
  t.equal(
    cleanBody(plain, { url: EVENT, ok: true, headers }).bytes,
    plain,
    'nor is JSON with nothing to clean',
  )
})

test('cleaning takes linear time and any depth', async (t) => {
  const measure = (count: number): number => {
    const body = Buffer.from(
      JSON.stringify({ message: '\u202E👩\u200D'.repeat(count), ['# \n'.repeat(count)]: 1 }),
    )
    const headers = new Headers({ 'content-type': 'application/json' })
    const start = process.cpuUsage()
    cleanBody(body, { url: EVENT, ok: true, headers })
    const { user, system } = process.cpuUsage(start)
    return user + system
  }
  measure(20_000)
  const [short, long] = [
    Math.min(measure(20_000), measure(20_000)),
    Math.min(measure(160_000), measure(160_000)),
  ]
  t.ok(long < short * 40, `8 times the length took ${(long / short).toFixed(1)} times as long`)
  const depth = 4_000
  t.equal(typeof clean(`${'{"a":'.repeat(depth)}"\\u202e"${'}'.repeat(depth)}`), 'object')
})
