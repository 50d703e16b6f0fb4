/** The longest text of a result and the longest structured content, in bytes, without what says that it was cut. */
export const MAX_RESULT_BYTES = 100 * 1024

/** Stands at the end of a text in structured content that was cut. */
const CUT = '…'

const CUT_BYTES = Buffer.byteLength(CUT)

/** What stays of such a text at least. Ids and addresses are shorter, so none of them is cut. */
const MIN_TEXT_BYTES = 1024

/** A text or value that fits, and in words how much of it is left out; undefined if nothing is. */
export interface Fitted<Value> {
  value: Value
  leftOut: string | undefined
}

/**
 * The text up to `MAX_RESULT_BYTES`. It ends where the last complete item of a list ends, if that is in the second half,
 * or else with a complete line.
 */
export function fitText(text: string): Fitted<string> {
  const bytes = Buffer.byteLength(text)
  if (bytes <= MAX_RESULT_BYTES) return { value: text, leftOut: undefined }
  const head = takeBytes(text, MAX_RESULT_BYTES)
  const value = head.slice(0, findEnd(head)).trimEnd()
  return {
    value,
    leftOut: `${formatKilobytes(bytes - Buffer.byteLength(value))} of ${formatKilobytes(bytes)}`,
  }
}

/**
 * Structured content up to `MAX_RESULT_BYTES` as JSON that still fits its schema: lists lose items at their end, the longest
 * list first, then those inside the items that stay; what is longer even so loses the ends of its longest texts.
 */
export function fitStructure(content: unknown): Fitted<unknown> {
  let excess = measureExcess(content)
  if (excess <= 0) return { value: content, leftOut: undefined }
  const value = structuredClone(content)
  let [items, bytes] = [0, 0]
  let lists = findLists([{ value, depth: 0 }])
  while (excess > 0 && lists.length > 0) {
    items += shortenLists(lists, excess)
    excess = measureExcess(value)
    lists = findLists(lists.flatMap(listItems))
  }
  while (excess > 0) {
    const cut = shortenTexts(value, excess)
    if (cut <= 0) break
    bytes += cut
    excess = measureExcess(value)
  }
  const parts = [
    ...(items > 0 ? [`${items} items of its lists`] : []),
    ...(bytes > 0 ? [`${formatKilobytes(bytes)} of its texts`] : []),
  ]
  return { value, leftOut: parts.length === 0 ? undefined : parts.join(' and ') }
}

/** A value with how many objects and lists are around it. */
interface Nested<Value> {
  value: Value
  depth: number
}

/** The lists in values that are in no other list there, the longest first. */
function findLists(values: readonly Nested<unknown>[]): Nested<unknown[]>[] {
  const lists: Nested<unknown[]>[] = []
  const rest = [...values]
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    const { value, depth } = node
    if (Array.isArray(value)) lists.push({ value, depth })
    else if (isContainer(value))
      rest.push(...Object.values(value).map((item) => ({ value: item, depth: depth + 1 })))
  }
  const sizes = new Map(lists.map((list) => [list, measure(list.value)]))
  return lists.sort((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0))
}

function listItems({ value, depth }: Nested<unknown[]>): Nested<unknown>[] {
  return value.map((item) => ({ value: item, depth: depth + 1 }))
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Removes items from the ends of lists until they make up `excess` bytes, or each has one. Returns how many. */
function shortenLists(lists: readonly Nested<unknown[]>[], excess: number): number {
  let [removed, bytes] = [0, 0]
  for (const { value: list, depth } of lists) {
    for (; bytes < excess && list.length > 1; removed += 1) bytes += measureItem(list.pop(), depth)
  }
  return removed
}

/** The bytes of an item with its comma, line breaks and indentation. */
function measureItem(item: unknown, depth: number): number {
  const text = JSON.stringify(item, null, 2) ?? ''
  return Buffer.byteLength(text) + 2 + text.split('\n').length * 2 * (depth + 1)
}

/** Cuts the longest texts in a value until that makes up about `excess` bytes of JSON. Returns how many it makes up. */
function shortenTexts(value: unknown, excess: number): number {
  let removed = 0
  for (const { holder, key, text } of findTexts(value)) {
    if (removed >= excess) break
    const bytes = measure(text)
    const share = 1 - (excess - removed + CUT_BYTES) / bytes
    const kept = takeBytes(text, Math.max(MIN_TEXT_BYTES, Math.floor(Buffer.byteLength(text) * share)))
    Reflect.set(holder, key, `${kept}${CUT}`)
    removed += bytes - measure(`${kept}${CUT}`)
  }
  return removed
}

/** The texts in a value that may be cut, the longest first. */
function findTexts(value: unknown): { holder: object; key: string; text: string }[] {
  const texts: { holder: object; key: string; text: string }[] = []
  const rest = [value].filter(isContainer)
  for (let holder = rest.pop(); holder !== undefined; holder = rest.pop()) {
    for (const [key, item] of Object.entries(holder)) {
      if (isContainer(item)) rest.push(item)
      else if (typeof item === 'string' && Buffer.byteLength(item) > 2 * MIN_TEXT_BYTES)
        texts.push({ holder, key, text: item })
    }
  }
  return texts.sort((a, b) => b.text.length - a.text.length)
}

function measureExcess(value: unknown): number {
  return measure(value) - MAX_RESULT_BYTES
}

function measure(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value, null, 2) ?? '')
}

/** The first `maxBytes` bytes without the beginning of a character. */
function takeBytes(text: string, maxBytes: number): string {
  const head = Buffer.from(text).subarray(0, maxBytes).toString('utf8')
  return head.endsWith('\ufffd') ? head.slice(0, head.search(/\ufffd+$/)) : head
}

/** Items of lists begin with a heading, the outermost first, or with a bullet or number; else a paragraph or line ends. */
const ITEM_STARTS = [
  ...[1, 2, 3, 4, 5, 6].map((level) => new RegExp(`\\n(?=#{${level}} )`, 'g')),
  /\n(?=(?:[-*]|\d+\.) )/g,
  /\n(?=\n)/g,
  /\n/g,
]

function findEnd(text: string): number {
  for (const start of ITEM_STARTS) {
    let last = -1
    for (const { index } of text.matchAll(start)) last = index
    if (last > text.length / 2) return last
  }
  return text.length
}

function formatKilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KB`
}
