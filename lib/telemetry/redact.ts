const SECRETS: readonly [pattern: RegExp, replacement: string][] = [
  [/\b(Bearer|Basic)\s+[\w.~+/-]{8,}=*/gi, '$1 [redacted]'],
  // Sentry's tokens: those with a prefix, and the bare 64 hexadecimal digits of older releases.
  [/\bsntry[a-z]{1,2}_[\w=+/-]+/g, '[redacted]'],
  [/\b[0-9a-f]{64}\b/gi, '[redacted]'],
  [/\bsk-[\w-]{16,}/g, '[redacted]'],
  [/\brt1(\.[\w-]{16,}){3}/g, '[redacted]'],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, '[redacted]'],
]

/** Secrets of this process that no pattern matches. */
const registered = new Set<string>()

/** Redacts these values wherever they occur, for the whole process. */
export function registerSecrets(values: Iterable<string | undefined>): void {
  for (const value of values) if (value) registered.add(value)
}

/** Redacts credentials of Sentry, AI providers and HTTP headers, what looks like one, and registered secrets. */
export function redactSecrets(text: string): string {
  const clean = SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text)
  return [...registered].reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), clean)
}

/**
 * `redactSecrets` for text that may repeat a client's input, in which people also put tokens. It also redacts runs of at
 * least 40 characters in mixed case, as codes and tokens are; slugs and ids are lower case.
 */
export function redactInput(text: string): string {
  return redactSecrets(text).replaceAll(/[\w.-]{40,}/g, (run) =>
    /[A-Z]/.test(run) && /[a-z]/.test(run) ? '[redacted]' : run,
  )
}

/**
 * `redactSecrets` for the result of a call, which goes to the client that sent the words in it. It keeps long names of code and
 * releases; what it also redacts are runs of at least 40 characters with digits and both cases but no dots, as codes are.
 */
export function redactResult(text: string): string {
  return redactSecrets(text).replaceAll(/[\w-]{40,}/g, (run) =>
    /[A-Z]/.test(run) && /[a-z]/.test(run) && /\d/.test(run) ? '[redacted]' : run,
  )
}

/** `redactSecrets` for every string in a value. Levels deeper than `depth` are omitted. */
export function redactValue(value: unknown, depth = 6): unknown {
  if (typeof value === 'string') return redactSecrets(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '[nested]'
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth - 1))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactValue(item, depth - 1)]))
}
