/** The scopes in a space-separated list (RFC 6749 §3.3), each once, in the order given. */
export function parseScope(text: string): string[] {
  return [...new Set(text.split(' ').filter((scope) => scope !== ''))]
}

export function formatScope(scopes: readonly string[]): string {
  return scopes.join(' ')
}

/** Whether `granted` includes all of `scopes`. */
export function isScopeWithin(scopes: readonly string[], granted: readonly string[]): boolean {
  return scopes.every((scope) => granted.includes(scope))
}
