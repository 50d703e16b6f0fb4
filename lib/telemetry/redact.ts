/** Text is cut to this many characters before patterns see it, so that no input makes them expensive. */
const MAX_LENGTH = 8 * 1024

const CUT = '…'

/** Shorter paths cannot contain a token. */
const MIN_REDACTED_PATH = 40

const MAX_SHOWN_PATH = 256

/** Tokens consist of these. No pattern recognizes what the cut leaves of a token. */
const RUN_CHARACTER = /[\w.~+/=-]/

/**
 * Every pattern takes time in proportion to its text; `test/patterns.check.ts` doubles inputs to show it. A JWT is not
 * among them: see `redactJwts`.
 */
const SECRETS: readonly [pattern: RegExp, replacement: string][] = [
  [/\b(Bearer|Basic)\s+[\w.~+/-]{8,}=*/gi, '$1 [redacted]'],
  // Sentry's tokens: those with a prefix, and the bare 64 hexadecimal digits of older releases.
  [/\bsntry[a-z]{1,2}_[\w=+/-]+/g, '[redacted]'],
  [/\b[0-9a-f]{64}\b/gi, '[redacted]'],
  [/\bsk-[\w-]{16,}/g, '[redacted]'],
  [/\brt1(\.[\w-]{16,}){3}/g, '[redacted]'],
]

/** The fewest characters of the first part of a JWT, which begins with `eyJ`. */
const MIN_JWT_HEADER = 11

/** Secrets of this process that no pattern matches. */
const registered = new Set<string>()

/** Redacts these values wherever they occur, for the whole process. */
export function registerSecrets(values: Iterable<string | undefined>): void {
  for (const value of values) if (value) registered.add(value)
}

/**
 * Redacts credentials of Sentry, AI providers and HTTP headers, what looks like one, and registered secrets. The result
 * has at most `shownLength` characters, and an ellipsis where text is missing. Text beyond 8 Ki characters is not read,
 * and a run that this limit divides is left out.
 */
export function redactSecrets(text: string, shownLength = MAX_LENGTH): string {
  return shorten(redactCredentials(cut(text)), shownLength)
}

/**
 * `redactSecrets` for text that may repeat a client's input, in which people also put tokens. It also redacts runs of at
 * least 40 characters in mixed case, as codes and tokens are; slugs and ids are lower case.
 */
export function redactInput(text: string, shownLength = MAX_LENGTH): string {
  const clean = redactCredentials(cut(text)).replaceAll(/[\w.-]{40,}/g, (run) =>
    /[A-Z]/.test(run) && /[a-z]/.test(run) ? '[redacted]' : run,
  )
  return shorten(clean, shownLength)
}

/**
 * `redactSecrets` for the result of a call, which goes to the client that sent the words in it. It keeps long names of code
 * and releases; what it also redacts are runs of at least 40 characters with digits and both cases but no dots, as codes
 * are.
 */
export function redactResult(text: string, shownLength = MAX_LENGTH): string {
  const clean = redactCredentials(cut(text)).replaceAll(/[\w-]{40,}/g, (run) =>
    /[A-Z]/.test(run) && /[a-z]/.test(run) && /\d/.test(run) ? '[redacted]' : run,
  )
  return shorten(clean, shownLength)
}

/** The path of a URL as logs and traces show it: `redactInput`, in at most 256 characters. */
export function redactPath(path: string): string {
  return path.length < MIN_REDACTED_PATH ? path : redactInput(path, MAX_SHOWN_PATH)
}

/** Applies `redact` to every string in a value. Levels deeper than `depth` are omitted. */
export function redactValue(
  value: unknown,
  redact = (text: string) => redactSecrets(text),
  depth = 6,
): unknown {
  if (typeof value === 'string') return redact(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '[nested]'
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redact, depth - 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, redactValue(item, redact, depth - 1)]),
  )
}

/** The beginning of a text, without a token or registered secret that continues behind it. */
function cut(text: string): string {
  if (text.length <= MAX_LENGTH) return text
  const ends = [...registered].map((secret) => {
    const start = text.slice(0, MAX_LENGTH + secret.length).indexOf(secret, MAX_LENGTH - secret.length)
    return start === -1 ? MAX_LENGTH : start
  })
  const beginning = text.slice(0, Math.min(MAX_LENGTH, ...ends))
  return beginning.slice(0, findLastRun(beginning)) + CUT
}

/** Where the run at the end of a text begins. Searched from the end: a pattern would try every start. */
function findLastRun(text: string): number {
  let start = text.length
  while (start > 0 && RUN_CHARACTER.test(text.charAt(start - 1))) start -= 1
  return start
}

function redactCredentials(text: string): string {
  const clean = SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text)
  return [...registered].reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), redactJwts(clean))
}

/**
 * Redacts JWTs and what begins like one. A pattern for them would begin again at every `eyJ` of a long run and read on
 * to its end each time; this reads each run once.
 */
function redactJwts(text: string): string {
  return text.replaceAll(/[\w.-]+/g, (run) => {
    const parts = run.split('.')
    let offset = 0
    for (const [index, part] of parts.entries()) {
      const start = part.indexOf('eyJ')
      const hasSuccessor = (parts[index + 1] ?? '') !== ''
      if (start !== -1 && part.length - start >= MIN_JWT_HEADER && hasSuccessor) {
        return `${run.slice(0, offset + start)}[redacted]`
      }
      offset += part.length + 1
    }
    return run
  })
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - CUT.length)}${CUT}` : text
}
