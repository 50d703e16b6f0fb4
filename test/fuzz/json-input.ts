import fc from 'fast-check'
import { type ByteChange, byteChange, changeBytes, seldom } from './form-input.ts'
import { type HeaderChange, oddHeader, oddText } from './odd-values.ts'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/** A change of a document; `at` chooses one of its members, at any depth. */
type JsonChange =
  | { kind: 'drop'; at: number }
  | { kind: 'replace'; at: number; value: Json }
  | { kind: 'append'; at: number; text: string }
  | { kind: 'wrap'; at: number; in: 'list' | 'object' }
  | { kind: 'add'; at: number; name: string; value: Json }
  | { kind: 'nest'; at: number; levels: number; in: 'list' | 'object' }

export interface JsonInput {
  changes: JsonChange[]
  /** Members that are repeated at the beginning. */
  doubled: string[]
  bytes: ByteChange[]
  headers: HeaderChange[]
}

const at = fc.nat(30)

const oddJson: fc.Arbitrary<Json> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom<Json>(
      ...[null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, '', 'a', [], {}, [[]], [null], [{}]],
      ...[{ length: 3 }, { toString: 'a' }, { toJSON: {} }, { $ref: '#' }],
      // The limit on entries, and the one on all that arguments hold.
      ...[200, 201, 2000].map((length) => Array<Json>(length).fill('a')),
      ...[200, 201].map((length) => Object.fromEntries(Array.from({ length }, (_, at) => [`n${at}`, at]))),
      ...[JSON.parse('{"__proto__":{"a":1}}'), { constructor: { prototype: { a: 1 } } }],
    ),
  },
  { weight: 3, arbitrary: oddText },
  { weight: 1, arbitrary: oddText.map((text) => [text, text]) },
)

const memberName = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'id', 'method', 'params'),
  oddText,
)
const container = fc.constantFrom('list', 'object')

const jsonChange: fc.Arbitrary<JsonChange> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop'), at }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('replace'), at, value: oddJson }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('append'), at, text: oddText }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wrap'), at, in: container }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('add'), at, name: memberName, value: oddJson }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('nest'),
      at,
      levels: fc.constantFrom(32, 33, 100, 1_000, 10_000),
      in: container,
    }),
  },
)

export const jsonInput: fc.Arbitrary<JsonInput> = fc.record({
  changes: fc.array(jsonChange, { maxLength: 2 }),
  doubled: seldom(
    fc.constantFrom(
      '"id":2,',
      '"client_id":"a",',
      '"redirect_uris":["a"],',
      '"__proto__":{},',
      '"method":1,',
      ',',
    ),
  ),
  bytes: seldom(byteChange),
  headers: seldom(oddHeader),
})

/** The place of a deep nest, which is inserted as text because serializers do not go that deep. */
const NEST = 'the nest goes here'

/** The serialized document. */
export function writeJson(document: Json, { changes, doubled, bytes }: JsonInput): Buffer {
  const root: { document: Json } = { document: structuredClone(document) }
  const nests: string[] = []
  for (const change of changes) applyChange(root, change, nests)
  let text = JSON.stringify(root.document) ?? ''
  for (const nest of nests) text = text.replace(JSON.stringify(NEST), () => nest)
  for (const member of doubled) text = text.replace('{', () => `{${member}`)
  return changeBytes(Buffer.from(text), bytes)
}

type Container = { [name: string]: Json } | Json[]

function applyChange(root: { document: Json }, change: JsonChange, nests: string[]): void {
  const places = listPlaces(root)
  const [parent, key] = places[change.at % places.length] ?? [root, 'document']
  const value = read(parent, key)
  switch (change.kind) {
    case 'drop':
      if (parent === root) root.document = null
      else if (Array.isArray(parent)) parent.splice(Number(key), 1)
      else delete (parent as Record<string, Json>)[key]
      return
    case 'replace':
      write(parent, key, structuredClone(change.value))
      return
    case 'append':
      write(parent, key, typeof value === 'string' ? value + change.text : change.text)
      return
    case 'wrap':
      write(parent, key, change.in === 'list' ? [value] : { value })
      return
    case 'add':
      if (typeof value === 'object' && value !== null)
        write(value, change.name, structuredClone(change.value))
      return
    case 'nest': {
      const [open, close] = change.in === 'list' ? ['[', ']'] : ['{"a":', '}']
      nests.push(`${open.repeat(change.levels)}1${close.repeat(change.levels)}`)
      write(parent, key, NEST)
      return
    }
  }
}

function listPlaces(value: Json | Container): [Container, string][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.keys(value)
    .slice(0, 50)
    .flatMap((key) => [[value, key], ...listPlaces(read(value, key))])
}

function read(parent: Container, key: string): Json {
  return Object.getOwnPropertyDescriptor(parent, key)?.value
}

/** Defines the member, so that `__proto__` becomes an own one. */
function write(parent: Container, key: string, value: Json): void {
  const name = Array.isArray(parent) && !/^\d+$/.test(key) ? String(parent.length) : key
  Object.defineProperty(parent, name, { value, enumerable: true, configurable: true, writable: true })
}
