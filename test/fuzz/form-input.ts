import fc from 'fast-check'
import { type HeaderChange, oddBytes, oddHeader, oddText } from './odd-values.ts'

/** The parameters of a form or a query, in their order. */
export type Pairs = [name: string, value: string][]

/** A change of the parameters; `at` chooses one of them. */
type PairChange =
  | { kind: 'drop'; at: number }
  | { kind: 'repeat'; at: number; value: string | undefined }
  | { kind: 'replace'; at: number; value: string }
  | { kind: 'append'; at: number; value: string }
  | { kind: 'prepend'; at: number; value: string }
  | { kind: 'cut'; at: number; length: number }
  | { kind: 'rename'; at: number; name: string }
  | { kind: 'add'; name: string; value: string }

/** A change of the bytes; `place` is in thousandths of their length. */
export type ByteChange =
  | { kind: 'insert'; place: number; bytes: Buffer }
  | { kind: 'cut'; place: number }
  | { kind: 'utf16' }

/** The changes of a request with parameters, mostly one or none. */
export interface FormInput {
  pairs: PairChange[]
  bytes: ByteChange[]
  headers: HeaderChange[]
}

const at = fc.nat(15)
const place = fc.nat(1000)

const pairChange: fc.Arbitrary<PairChange> = fc.oneof(
  fc.record({ kind: fc.constant('drop'), at }),
  fc.record({ kind: fc.constant('repeat'), at, value: fc.option(oddText, { nil: undefined }) }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replace'), at, value: oddText }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('append'), at, value: oddText }) },
  fc.record({ kind: fc.constant('prepend'), at, value: oddText }),
  fc.record({ kind: fc.constant('cut'), at, length: fc.nat(60) }),
  fc.record({ kind: fc.constant('rename'), at, name: oddText }),
  fc.record({ kind: fc.constant('add'), name: oddText, value: oddText }),
)

export const byteChange: fc.Arbitrary<ByteChange> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('insert'), place, bytes: oddBytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut'), place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('utf16') }) },
)

/** At most one value, and mostly none. */
export function seldom<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> {
  return fc.oneof(
    { weight: 5, arbitrary: fc.constant<Value[]>([]) },
    { weight: 1, arbitrary: value.map((one) => [one]) },
  )
}

export const formInput: fc.Arbitrary<FormInput> = fc.record({
  pairs: fc.array(pairChange, { maxLength: 2 }),
  bytes: seldom(byteChange),
  headers: seldom(oddHeader),
})

/** The encoded parameters. */
export function writePairs(pairs: Pairs, input: FormInput): Buffer {
  const changed = input.pairs.reduce(changePairs, pairs)
  return changeBytes(Buffer.from(changed.map((pair) => pair.map(encode).join('=')).join('&')), input.bytes)
}

/** The same as the query of a URL, in printable characters: Node's parser refuses others. */
export function writeQuery(pairs: Pairs, input: FormInput): string {
  return writePairs(pairs, input)
    .toString('latin1')
    .replace(/[^\x21-\x7e]|#/g, encodeLatin1)
}

export function changeBytes(bytes: Buffer, changes: readonly ByteChange[]): Buffer {
  return changes.reduce((text, change) => {
    if (change.kind === 'utf16') return Buffer.from(`\ufeff${text}`, 'utf16le')
    const offset = Math.floor((text.length * change.place) / 1000)
    if (change.kind === 'cut') return text.subarray(0, offset)
    return Buffer.concat([text.subarray(0, offset), change.bytes, text.subarray(offset)])
  }, bytes)
}

function changePairs(pairs: Pairs, change: PairChange): Pairs {
  if (change.kind === 'add') return [...pairs, [change.name, change.value]]
  const index = change.at % Math.max(pairs.length, 1)
  const [name = '', value = ''] = pairs[index] ?? []
  return pairs.toSpliced(index, 1, ...changePair(name, value, change))
}

function changePair(name: string, value: string, change: Exclude<PairChange, { kind: 'add' }>): Pairs {
  switch (change.kind) {
    case 'drop':
      return []
    case 'repeat':
      return [
        [name, value],
        [name, change.value ?? value],
      ]
    case 'replace':
      return [[name, change.value]]
    case 'append':
      return [[name, value + change.value]]
    case 'prepend':
      return [[name, change.value + value]]
    case 'cut':
      return [[name, value.slice(0, change.length)]]
    case 'rename':
      return [[change.name, value]]
  }
}

/** Percent-encodes; half of a surrogate pair, which UTF-8 lacks, becomes the bytes of a careless encoder. */
function encode(text: string): string {
  return [...text]
    .map((character) => (character.isWellFormed() ? encodeURIComponent(character) : '%ED%A0%80'))
    .join('')
}

function encodeLatin1(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}
