/**
 * Characters that a reader does not see, and controls, which a terminal obeys: C0 without tab and line breaks, C1, a
 * carriage return alone, line and paragraph separators, interlinear annotations, and what Unicode calls
 * default-ignorable, which includes the bidi controls, the tags and the variation selectors (UAX #44, UAX #9).
 */
const HIDDEN =
  '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufff9-\\ufffb\\p{Default_Ignorable_Code_Point}]|\\r(?!\\n)'

/** Letters and marks of scripts whose spelling needs joiners (RFC 5892, appendix A.1 and A.2). */
const JOINING = `[[${[
  'Arabic',
  'Syriac',
  'Nko',
  'Mongolian',
  'Devanagari',
  'Bengali',
  'Gurmukhi',
  'Gujarati',
  'Oriya',
  'Tamil',
  'Telugu',
  'Kannada',
  'Malayalam',
  'Sinhala',
  'Khmer',
  'Myanmar',
  'Tibetan',
]
  .map((script) => `\\p{Script=${script}}`)
  .join('')}]&&[\\p{L}\\p{M}]]`

/** The flags of England, Scotland and Wales, the only ones that are written with tags (UTS #51, RGI). */
const TAG_FLAGS = ['gbeng', 'gbsct', 'gbwls'].map(
  (region) => `\\u{1F3F4}${[...region].map((letter) => toTag(letter)).join('')}\\u{E007F}`,
)

/** Where ordinary text has a hidden character: one at a place, so that nothing can be written with them. */
const ORDINARY = [
  ...TAG_FLAGS,
  // A presentation selector after its emoji, digit, # or *.
  '(?<=[\\p{Extended_Pictographic}#*0-9])[\\uFE0E\\uFE0F]',
  // A joiner between two emoji (UTS #51, emoji ZWJ sequences).
  '(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}]\\uFE0F?)\\u200D(?=\\p{Extended_Pictographic})',
  `(?<=${JOINING})[\\u200C\\u200D](?=${JOINING})`,
  '(?<=[\\p{Script=Mongolian}&&\\p{L}])[\\u180B-\\u180D\\u180F]',
].join('|')

const HIDDEN_IN_TEXT = new RegExp(`(?:${ORDINARY})|(${HIDDEN})`, 'gv')
const HIDDEN_IN_NAME = new RegExp(`(?:${ORDINARY})|(${HIDDEN}|[\\r\\n])`, 'gv')

/**
 * The UTF-16 code units of hidden characters, and of some others. All text of Sentry is tested for them, which is several
 * times quicker than a pattern of Unicode properties.
 */
const HIDDEN_UNITS =
  '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud82f\\ud834\\udb40-\\udb43\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\uffff]'
const HAS_HIDDEN_UNIT = new RegExp(HIDDEN_UNITS)
const MAY_HIDE = new RegExp(`${HIDDEN_UNITS}|\\r(?!\\n)`)
const MAY_HIDE_OR_BREAK = new RegExp(`${HIDDEN_UNITS}|[\\r\\n]`)

/**
 * What opens a heading (also as the line below one), a table, a code fence or HTML, where it begins a line (CommonMark
 * 0.31 §4.2 to §4.6, GitHub's tables).
 */
const OPENS_BLOCK =
  /^([ \t]*)(?=#{1,6}(?:[ \t]|$)|(?:=+|-{2,})[ \t]*$|\||:?-+:?[ \t]*\||`{3}|~{3}|<(?:[!?]|\/?[a-z][a-z0-9-]*(?:[\s/>]|$)))/i

/** Most names: quicker to test than all the others. */
const PLAIN_NAME = /^[\w/.][\x20-\x7e]*$/

/** Names that Sentry and languages write in angle brackets. */
const PLACEHOLDER =
  /^<(?:unlabeled event|unknown|anonymous|module|lambda|(?:list|dict|set)comp|genexpr|(?:cl)?init|string|stdin|eval|native|redacted)>$/

/**
 * A text whose hidden characters can be read: U+202E becomes `⟨U+202E⟩`. All else is unchanged, and so are hidden
 * characters that ordinary text needs: within emoji and the flags of three countries, and the joiners within words of
 * Arabic, Indic and similar scripts. Takes linear time.
 */
export function showHidden(text: string): string {
  return MAY_HIDE.test(text) ? text.replace(HIDDEN_IN_TEXT, showMatch) : text
}

/**
 * A key, name or title as one line that opens no block of Markdown: `showHidden` for line breaks too, and a backslash
 * before what would open a heading, a table, a code fence or HTML at its start. Two names stay two names.
 */
export function showName(name: string): string {
  if (PLAIN_NAME.test(name)) return name
  const line = MAY_HIDE_OR_BREAK.test(name) ? name.replace(HIDDEN_IN_NAME, showMatch) : name
  return OPENS_BLOCK.test(line) && !PLACEHOLDER.test(line) ? line.replace(OPENS_BLOCK, '$1\\') : line
}

/** Whether `showHidden` may change a string in a JSON text, which has some characters as escapes. */
export function mayHide(json: string): boolean {
  return ['\\u', '\\b', '\\f', '\\r'].some((start) => json.includes(start)) || HAS_HIDDEN_UNIT.test(json)
}

function showMatch(match: string, hidden: string | undefined): string {
  if (hidden === undefined) return match
  const code = hidden.codePointAt(0) ?? 0
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`
}

/** The tag of an ASCII letter, as an escape of a pattern. */
function toTag(letter: string): string {
  return `\\u{E00${letter.charCodeAt(0).toString(16)}}`
}
