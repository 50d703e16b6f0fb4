/** The media types of responses that a client accepts. */
export interface AcceptedTypes {
  /** `application/json`. */
  json: boolean
  /** `text/event-stream`. */
  stream: boolean
}

interface MediaRange {
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

/** Reads `Accept` (RFC 9110 §12.5.1): types of any case, with weights, of which 0 refuses. Without it, all are accepted. */
export function readAccept(accept: string | undefined): AcceptedTypes {
  const ranges = (accept ?? '').match(ELEMENTS)?.flatMap(parseRange) ?? []
  if (ranges.length === 0) return { json: true, stream: true }
  return {
    json: findQuality('application/json', ranges) > 0,
    stream: findQuality('text/event-stream', ranges) > 0,
  }
}

function parseRange(text: string): MediaRange[] {
  const [type = '', ...parameters] = (text.match(PARAMETERS) ?? []).map((part) => part.trim())
  if (type === '') return []
  const weight = parameters.map((parameter) => QUALITY.exec(parameter)?.[1]).find(Boolean)
  const hasParameters = parameters.some((parameter) => parameter !== '' && !/^q\s*=/i.test(parameter))
  return [{ type: type.toLowerCase(), hasParameters, quality: Number(weight ?? 1) }]
}

/** The weight of the most specific range that a type is in. A weight of 0 for some parameters does not refuse the type. */
function findQuality(type: string, ranges: readonly MediaRange[]): number {
  const candidates = [type, `${type.split('/')[0]}/*`, '*/*']
  for (const candidate of candidates) {
    const matching = ranges.filter(
      (range) => range.type === candidate && !(range.hasParameters && range.quality === 0),
    )
    if (matching.length > 0) return Math.max(...matching.map(({ quality }) => quality))
  }
  return 0
}
