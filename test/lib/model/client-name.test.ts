import { test } from 'tap'
import { normalizeClientName } from '../../../lib/model/client-name.ts'

test('honest names of any script are kept', async (t) => {
  for (const name of [
    'Claude Code',
    'Visual Studio Code',
    'Cursor 1.7 (beta)',
    'Ünïcode 名前 🤖 x',
    'عميل سنتري',
    'לקוח 7',
    'हिन्दी क्लाइंट',
    'ไคลเอนต์ที่นี่',
    '한국어',
  ]) {
    t.equal(normalizeClientName(name), name.normalize('NFKC'), name)
  }
})

test('a name cannot close quotation marks, or look as if it did (Unicode Technical Report 36 §2)', async (t) => {
  const words = 'Claude to use Sentry as you? Verified by anthropic.com. Claude'
  for (const quote of [
    '"',
    "'",
    '“',
    '”',
    '„',
    '‟',
    '«',
    '»',
    '‹',
    '›',
    '‘',
    '’',
    '‚',
    '「',
    '」',
    '＂',
    '＇',
    '`',
    '´',
    '′',
    '″',
    'ʺ',
    'ˮ',
    '❝',
    '❞',
    '🙶',
    '⹂',
    '〞',
    '״',
    '﹂',
  ]) {
    const name = normalizeClientName(
      `Claude${quote} to use Sentry as you? Verified by anthropic.com. ${quote}Claude`,
    )
    t.notOk(name.includes(quote), quote)
    t.equal(name.replaceAll(/ +/g, ' '), words.slice(0, 60), quote)
  }
})

test('a name without a letter or digit that can be seen is replaced', async (t) => {
  for (const name of [
    undefined,
    '',
    ' ',
    '\u200b\u200b',
    '\ud83d',
    '\u3164',
    '\u3164\u3164 \uffa0',
    '\u2800\u2800',
    '\u115f\u1160',
    '\u17b4\u17b5',
    '\u0301\u0302\u0303',
    '\u{e0041}\u{e0042}',
    '\u{1d159}',
    '\ufe0f\ufe0e',
    '\u00ad',
    '---',
    '🤖',
    '“”',
    '\u2062\u2063',
    '\u034f',
  ]) {
    t.equal(normalizeClientName(name), 'Unnamed client', JSON.stringify(name))
  }
})

test('invisible characters, stacked marks and breaks are removed (CVE-2021-42574)', async (t) => {
  t.equal(normalizeClientName('C\u3164l\u2800a\u200bu\u034fd\ufe0fe'), 'Claude')
  t.equal(normalizeClientName('\u202eedualC\u2066'), 'edualC')
  t.equal(normalizeClientName('Ｃｌａｕｄｅ ①'), 'Claude 1', 'NFKC')
  t.equal(normalizeClientName('a\r\n\n\tb\u2028c\u3000d'), 'a b c d')
  t.equal(
    [...normalizeClientName(`Z${'\u0335\u0321\u0489'.repeat(30)}algo`)].length <= 7,
    true,
    'stacked marks',
  )
  t.equal(normalizeClientName('\u0301Claude'), 'Claude', 'a mark would join the text before')
})

test('a name has at most 60 characters, also where normalizing lengthens it', async (t) => {
  for (const name of [
    'a'.repeat(500),
    '\ufdfa'.repeat(100),
    `a${'🤖'.repeat(150)}`,
    'ﷺ'.repeat(100_000),
    `${'a '.repeat(90)}`,
  ]) {
    const normalized = normalizeClientName(name)
    t.ok([...normalized].length <= 60)
    t.ok(normalized.isWellFormed())
    t.equal(normalized, normalizeClientName(normalized), 'normalizing again changes nothing')
  }
})
