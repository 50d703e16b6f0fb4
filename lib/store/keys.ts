/** Builds the names of keys. Names hold identifiers and hashes, never a secret. */
export interface StoreKeys {
  /** A registered client. */
  client(id: string): string
  /** A client's assertion that was used, by its SHA-256. */
  assertion(assertionHash: string): string
  /** A transaction, by the SHA-256 of its state. */
  transaction(idHash: string): string
  /** An authorization code, by its SHA-256. */
  code(codeHash: string): string
  /** A grant. */
  grant(grantId: string): string
  /** A glob that every grant's key matches, and no other (SCAN). */
  everyGrant: string
  /** The grant whose key this is. */
  readGrantId(key: string): string
  /** The right to renew the upstream token of a grant; in the same slot as the grant. */
  upstreamLock(grantId: string): string
  /** The grants of a subject. */
  subject(subject: string): string
}

/**
 * Key builders for one deployment. What is in braces decides the slot of a Redis Cluster (hash tag), so that
 * every script finds its keys in one slot. `prefix` therefore must not contain braces.
 */
export function createKeys(prefix: string): StoreKeys {
  return {
    client: (id) => `${prefix}:client:{${id}}`,
    assertion: (assertionHash) => `${prefix}:assertion:{${assertionHash}}`,
    transaction: (idHash) => `${prefix}:transaction:{${idHash}}`,
    code: (codeHash) => `${prefix}:code:{${codeHash}}`,
    grant: (grantId) => `${prefix}:grant:{${grantId}}`,
    // The prefix may hold the brackets of an IPv6 address, which a glob would take for a set of characters.
    everyGrant: `${prefix.replace(/[\\*?[\]]/g, '\\$&')}:grant:{*}`,
    readGrantId: (key) => key.slice(`${prefix}:grant:{`.length, -1),
    upstreamLock: (grantId) => `${prefix}:upstream-lock:{${grantId}}`,
    subject: (subject) => `${prefix}:subject:{${subject}}`,
  }
}

/**
 * The prefix of the deployment at `baseUrl`. Deployments with different public URLs may share one Redis, for
 * the tokens of one mean nothing to the other.
 */
export function createKeyPrefix(baseUrl: string): string {
  const { host, pathname } = new URL(baseUrl)
  return `sentry-mcp:${host}${pathname.replace(/\/+$/, '')}`
}
