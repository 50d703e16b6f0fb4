const SECRETS: readonly [pattern: RegExp, replacement: string][] = [
  [/\b(Bearer|Basic)\s+[\w.~+/-]{8,}=*/gi, '$1 [redacted]'],
  // Sentry's tokens: those with a prefix, and the bare 64 hexadecimal digits of older releases.
  [/\bsntry[a-z]{1,2}_[\w=+/-]+/g, '[redacted]'],
  [/\b[0-9a-f]{64}\b/gi, '[redacted]'],
  [/\bsk-[\w-]{16,}/g, '[redacted]'],
  [/\brt1(\.[\w-]{20,}){3}/g, '[redacted]'],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, '[redacted]'],
]

/** Secrets of this process that have no form to know them by. */
const known = new Set<string>()

/** Makes these values count as credentials wherever they stand. */
export function registerSecrets(values: Iterable<string | undefined>): void {
  for (const value of values) if (value) known.add(value)
}

/** A text without what is, or looks like, a credential: of Sentry, of an AI provider, or of an HTTP header. */
export function redactSecrets(text: string): string {
  const clean = SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text)
  return [...known].reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), clean)
}

/**
 * A text that may repeat what a client sent, where people put tokens as well: also without whatever is as long as
 * the shortest code or token and as mixed as they are. Slugs and ids have small letters only.
 */
export function redactInput(text: string): string {
  return redactSecrets(text).replaceAll(/[\w.-]{40,}/g, (run) =>
    /[A-Z]/.test(run) && /[a-z]/.test(run) ? '[redacted]' : run,
  )
}

/** The same as `redactSecrets` for every string inside a value. What is nested deeper than `depth` levels is left out. */
export function redactValue(value: unknown, depth = 6): unknown {
  if (typeof value === 'string') return redactSecrets(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '[nested]'
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth - 1))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactValue(item, depth - 1)]))
}
