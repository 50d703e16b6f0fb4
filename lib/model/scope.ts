/** The scopes in a space-separated list (RFC 6749 §3.3), each once, in the order given. */
export function parseScope(text: string): string[] {
  return [...new Set(text.split(' ').filter((scope) => scope !== ''))]
}

export function formatScope(scopes: readonly string[]): string {
  return scopes.join(' ')
}

/** Sentry's levels of access to one kind of object; each includes the levels before it. */
const LEVELS = ['read', 'write', 'admin']

/** Whether `granted` covers a scope of Sentry: `project:write` also covers `project:read`. */
export function coversSentryScope(granted: Iterable<string>, required: string): boolean {
  const [kind, level = ''] = required.split(':')
  const least = LEVELS.indexOf(level)
  const sufficient = least === -1 ? [required] : LEVELS.slice(least).map((higher) => `${kind}:${higher}`)
  return [...granted].some((scope) => sufficient.includes(scope))
}
