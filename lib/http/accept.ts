/** One element of an `Accept` header (RFC 9110 §12.5.1). */
export interface MediaRange {
  /** Lower case, such as `text/*`. */
  type: string
  hasParameters: boolean
  /** From 0, not acceptable, to 1. */
  quality: number
}

/** The parts of a header between separators, which quoted strings may contain. */
const ELEMENTS = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g
const PARAMETERS = /(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/g

const QUALITY = /^q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i

/** The media ranges of an `Accept` header: types of any case, with weights, of which 0 refuses. None without the header. */
export function parseAccept(accept: string | undefined): MediaRange[] {
  return (accept ?? '').match(ELEMENTS)?.flatMap(parseRange) ?? []
}

function parseRange(text: string): MediaRange[] {
  const [type = '', ...parameters] = (text.match(PARAMETERS) ?? []).map((part) => part.trim())
  if (type === '') return []
  const weight = parameters.map((parameter) => QUALITY.exec(parameter)?.[1]).find(Boolean)
  const hasParameters = parameters.some((parameter) => parameter !== '' && !/^q\s*=/i.test(parameter))
  return [{ type: type.toLowerCase(), hasParameters, quality: Number(weight ?? 1) }]
}

/** The weight of the most specific range that a type is in. A weight of 0 for some parameters does not refuse the type. */
export function findQuality(type: string, ranges: readonly MediaRange[]): number {
  const candidates = [type, `${type.split('/')[0]}/*`, '*/*']
  for (const candidate of candidates) {
    const matching = ranges.filter(
      (range) => range.type === candidate && !(range.hasParameters && range.quality === 0),
    )
    if (matching.length > 0) return Math.max(...matching.map(({ quality }) => quality))
  }
  return 0
}

/** The media types of programs, which therefore want no page. */
const PROGRAM_TYPES = ['application/json', 'text/event-stream']

/** Whether a request comes from a browser that shows a page: `Accept` names HTML, and nothing for programs before it. */
export function acceptsPage(accept: string | undefined): boolean {
  const ranges = parseAccept(accept)
  const html = findNamedQuality('text/html', ranges)
  return html > 0 && PROGRAM_TYPES.every((type) => findNamedQuality(type, ranges) < html)
}

/** Whether a request comes from an agent that reads Markdown: `Accept` names it, and does not prefer HTML. */
export function acceptsMarkdown(accept: string | undefined): boolean {
  const ranges = parseAccept(accept)
  const markdown = findNamedQuality('text/markdown', ranges)
  return markdown > 0 && markdown >= findNamedQuality('text/html', ranges)
}

/** The weight of a type that the header names itself, not by a wildcard. */
function findNamedQuality(type: string, ranges: readonly MediaRange[]): number {
  return findQuality(
    type,
    ranges.filter((range) => range.type === type),
  )
}
