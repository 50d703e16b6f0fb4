/** The longest text of a result and the longest structured content, in bytes, without what says that it was cut. */
export const MAX_RESULT_BYTES = 100 * 1024

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
 * Structured content up to `MAX_RESULT_BYTES` as JSON: lists lose items at their end, the longest list first, so that
 * the rest still fits its schema. It stays longer only if single items are longer than that.
 */
export function fitStructure(content: unknown): Fitted<unknown> {
  if (measure(content) <= MAX_RESULT_BYTES) return { value: content, leftOut: undefined }
  const value = structuredClone(content)
  let removed = 0
  for (const list of findLists(value)) {
    const excess = measure(value) - MAX_RESULT_BYTES
    if (excess <= 0) break
    removed += shortenList(list, excess)
  }
  return { value, leftOut: removed === 0 ? undefined : `${removed} items of its lists` }
}

/** The lists in a value, the longest first. */
function findLists(value: unknown): unknown[][] {
  const lists: { list: unknown[]; bytes: number }[] = []
  const rest: object[] = [value].filter(isContainer)
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    if (Array.isArray(node)) lists.push({ list: node, bytes: measure(node) })
    else rest.push(...Object.values(node).filter(isContainer))
  }
  return lists.sort((a, b) => b.bytes - a.bytes).map(({ list }) => list)
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Removes items from the end until they make up `excess` bytes, or one is left. Returns how many it removed. */
function shortenList(list: unknown[], excess: number): number {
  let removed = 0
  for (let bytes = 0; bytes < excess && list.length > 1; removed += 1) bytes += measure(list.pop())
  return removed
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
