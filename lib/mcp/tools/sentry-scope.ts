/** Sentry's levels of access to one kind of thing, each of which includes those before it. */
const LEVELS = ['read', 'write', 'admin']

/** Whether `granted` covers a Sentry scope: `project:write` covers `project:read` as well. */
export function coversSentryScope(granted: Iterable<string>, required: string): boolean {
  const [kind, level = ''] = required.split(':')
  const least = LEVELS.indexOf(level)
  const enough = least === -1 ? [required] : LEVELS.slice(least).map((higher) => `${kind}:${higher}`)
  return [...granted].some((scope) => enough.includes(scope))
}
