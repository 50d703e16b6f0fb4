const MAX_LENGTH = 60

const UNNAMED = 'Unnamed client'

/** Input that is longer than this is cut before it is normalized, which costs time and may lengthen it. */
const MAX_INPUT_LENGTH = 1_000

/** Control, format and unassigned characters, and line breaks. Bidirectional controls are among them (CVE-2021-42574). */
const CONTROL = /[\p{C}\p{Zl}\p{Zp}]/gu

/** Characters without a glyph: the ignorable ones of Unicode, a blank Braille cell, a note head without ink. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u2800\u{1d159}\ufffc]/gu

/** Quotation marks, and what looks like one: primes, accents, modifier letters, ornaments. */
const QUOTATION = /[\p{Quotation_Mark}`´ʹ-ʽˈˊˋˮ˝՚՛՝׳״᾽᾿῾‘-‟′-‷⁗❛-❠❮❯⹂〃ꞌ🙶-🙸]/gu

/** More combining marks than any script writes on one letter cover the lines around it. */
const STACKED_MARKS = /(\p{M}{2})\p{M}+/gu

/** Marks without a letter would combine with the text before the name, and look like a quotation mark after a space. */
const LOOSE_MARKS = /(?<=^|\s)\p{M}+/gu

/**
 * A client's name for itself, as pages and logs may show it: normalized (NFKC, Unicode Standard Annex 15), without
 * quotation marks and invisible characters, and of at most 60 characters. A name without a letter or a digit is
 * replaced, since a user could not read it.
 */
export function normalizeClientName(name: string | undefined): string {
  const cleaned = (name ?? '')
    .slice(0, MAX_INPUT_LENGTH)
    .replace(QUOTATION, '')
    .normalize('NFKC')
    .replace(INVISIBLE, '')
    .replace(/\s+/g, ' ')
    .replace(CONTROL, '')
    .replace(QUOTATION, '')
    .replace(LOOSE_MARKS, '')
    .replace(STACKED_MARKS, '$1')
  // By characters: slicing the string could cut a surrogate pair.
  const cut = [...cleaned].slice(0, MAX_LENGTH).join('').replace(/ +/g, ' ').trim()
  return /[\p{L}\p{N}]/u.test(cut) ? cut : UNNAMED
}
