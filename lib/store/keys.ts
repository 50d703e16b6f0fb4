/** Names of keys. They contain identifiers and hashes, never a secret. */
export interface StoreKeys {
  /** A registered client. */
  client(id: string): string
  /** A used client assertion, by the SHA-256 of client and jti. */
  assertion(assertionHash: string): string
  /** A transaction, by the SHA-256 of its state. */
  transaction(idHash: string): string
  /** An authorization code, by its SHA-256. */
  code(codeHash: string): string
  /** A grant. */
  grant(grantId: string): string
  /** The glob that matches the keys of all grants, and no others (SCAN). */
  grantPattern: string
  /** The id of the grant that a key of `grantPattern` belongs to. */
  parseGrantId(key: string): string
  /** The lock for renewing the upstream token of a grant; in the same slot as the grant. */
  upstreamLock(grantId: string): string
  /** The index of a subject's grants. */
  subject(subject: string): string
  /** Until when Sentry takes no requests of a subject. */
  deferral(subject: string): string
}

/**
 * Key builders for one deployment. The part in braces is the hash tag, which decides the slot in a Redis Cluster, so
 * that every script finds its keys in one slot. `prefix` must not contain braces.
 */
export function createKeys(prefix: string): StoreKeys {
  return {
    client: (id) => `${prefix}:client:{${id}}`,
    assertion: (assertionHash) => `${prefix}:assertion:{${assertionHash}}`,
    transaction: (idHash) => `${prefix}:transaction:{${idHash}}`,
    code: (codeHash) => `${prefix}:code:{${codeHash}}`,
    grant: (grantId) => `${prefix}:grant:{${grantId}}`,
    // The brackets of an IPv6 address in the prefix would be a character class.
    grantPattern: `${prefix.replace(/[\\*?[\]]/g, '\\$&')}:grant:{*}`,
    parseGrantId: (key) => key.slice(`${prefix}:grant:{`.length, -1),
    upstreamLock: (grantId) => `${prefix}:upstream-lock:{${grantId}}`,
    subject: (subject) => `${prefix}:subject:{${subject}}`,
    deferral: (subject) => `${prefix}:deferral:{${subject}}`,
  }
}

/**
 * The prefix of the deployment at `baseUrl`, so that deployments with different public URLs can share one Redis.
 */
export function createKeyPrefix(baseUrl: string): string {
  const { host, pathname } = new URL(baseUrl)
  return `sentry-mcp:${host}${pathname.replace(/\/+$/, '')}`
}
