/** Characters that patterns tell apart. */
const PROBES = [...'aA0-_./:@%=+!#?&*~,;"<([{ \t\n\0é']

/** What stands between repetitions, so that word boundaries and lookbehinds begin again. */
const SEPARATORS = ['', '-', '.', ' ']

/** What makes a match fail at the end, after which an engine tries again. */
const ENDINGS = ['\0', '!\n', '']

/** Of alternatives; a pattern with many of them is described by its first ones. */
const MAX_SEQUENCES = 6

/** Text that a part of a pattern matches, one entry for each character, class or group. */
type Sequence = string[]

/** A text that may be expensive for a pattern, in a length that can be chosen. */
export interface AttackString {
  prefix: string
  repeated: string
  ending: string
}

export function writeAttack({ prefix, repeated, ending }: AttackString, length: number): string {
  return prefix + repeated.repeat(Math.ceil(length / repeated.length)) + ending
}

/**
 * Texts on which a pattern could take more than linear time: each run of its parts repeated, behind what comes before it
 * in the pattern or alone, and with an end that cannot match.
 */
export function listAttackStrings(pattern: RegExp): AttackString[] {
  const attacks = new Map<string, AttackString>()
  const add = (prefix: string, repeated: string) => {
    for (const ending of ENDINGS) {
      if (repeated !== '')
        attacks.set(JSON.stringify([prefix, repeated, ending]), { prefix, repeated, ending })
    }
  }
  for (const sequence of readSequences(pattern)) {
    for (let start = 0; start <= sequence.length; start += 1) {
      const prefix = sequence.slice(0, start).join('')
      for (const probe of PROBES) add(prefix, probe)
      for (let end = start + 1; end <= sequence.length; end += 1) {
        const part = sequence.slice(start, end).join('')
        for (const separator of SEPARATORS) {
          add('', part + separator)
          add(prefix, part + separator)
        }
      }
    }
  }
  return [...attacks.values()]
}

/** Examples of what a pattern matches, part by part; lookarounds and assertions are left out. */
function readSequences({ source, flags }: RegExp): Sequence[] {
  let at = 0

  function readAlternatives(): Sequence[] {
    const found: Sequence[] = []
    let current: Sequence[] = [[]]
    while (at < source.length && source[at] !== ')') {
      if (source[at] === '|') {
        at += 1
        found.push(...current)
        current = [[]]
        continue
      }
      const parts = readPart()
      current = current.flatMap((before) => parts.map((part) => [...before, ...part])).slice(0, MAX_SEQUENCES)
    }
    return [...found, ...current].slice(0, MAX_SEQUENCES)
  }

  function readPart(): Sequence[] {
    const parts = readAtom()
    const quantifier = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})\??/.exec(source.slice(at))
    if (quantifier === null) return parts
    at += quantifier[0].length
    const times = Math.min(Math.max(Number(quantifier[1] ?? 1), 1), 64)
    return parts.map((part) => [part.join('').repeat(times)])
  }

  function readAtom(): Sequence[] {
    const start = at
    const character = source[at] ?? ''
    at += 1
    if (character === '(') {
      const lookaround = /^\?<?[=!]/.exec(source.slice(at))
      at += (lookaround ?? /^\?(?::|<\w+>)/.exec(source.slice(at)))?.[0].length ?? 0
      const inside = readAlternatives()
      at += 1
      return lookaround === null ? inside : [[]]
    }
    if (character === '[') {
      at = start + (/^\[(?:\\.|[^\]\\])*\]/.exec(source.slice(start))?.[0].length ?? 1)
    } else if (character === '\\') {
      at =
        start +
        (/^\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[\da-f]{4}|x[\da-f]{2}|.)/i.exec(source.slice(start))?.[0].length ??
          2)
    }
    const atom = source.slice(start, at)
    if (['^', '$', '\\b', '\\B'].includes(atom)) return [[]]
    return [[findExample(atom)]]
  }

  function findExample(atom: string): string {
    if (atom.length === 1 && atom !== '.') return atom
    const one = new RegExp(`^(?:${atom})$`, flags.replace(/[gy]/g, ''))
    const more = Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code))
    return [...PROBES, ...more].find((text) => one.test(text)) ?? ''
  }

  return readAlternatives()
}
