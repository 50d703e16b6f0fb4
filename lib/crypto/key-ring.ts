import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'

/** A key for one purpose. The id says which setting it came from without giving it away. */
export interface DerivedKey {
  id: string
  /** 256 bits. Node prepares bytes anew at each use, and a key object once. */
  key: KeyObject
}

/** The keys of one purpose: the first of the setting makes what is new, all of them read what is there. */
export interface KeyRing {
  current: DerivedKey
  find(id: string): DerivedKey | undefined
}

/**
 * Derives the keys of one purpose from the keys of a setting (HKDF-SHA-256, RFC 5869), so that no key ever serves
 * two purposes and a setting may be any text of enough length.
 */
export function deriveKeys(secrets: readonly string[], purpose: string): KeyRing {
  const keys = secrets.map((secret) => ({
    id: createHmac('sha256', secret).update('key id').digest('base64url').slice(0, 6),
    key: createSecretKey(Buffer.from(hkdfSync('sha256', secret, 'sentry-mcp', purpose, 32))),
  }))
  const [current] = keys
  if (current === undefined) throw new RangeError('A key ring needs at least one key.')
  const byId = new Map(keys.map((key) => [key.id, key]))
  return { current, find: (id) => byId.get(id) }
}
