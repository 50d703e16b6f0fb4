import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'

/** A key for one purpose. The id tells which key of the setting it was derived from, without revealing it. */
export interface DerivedKey {
  id: string
  /** 256 bits. A KeyObject avoids importing the key again at every use. */
  key: KeyObject
}

/** The keys of one purpose: the first one of the setting seals or signs, all of them open or verify. */
export interface KeyRing {
  current: DerivedKey
  find(id: string): DerivedKey | undefined
}

/** The ids of keys, by which sealed records, tokens and messages name them without revealing them. */
export function listKeyIds(secrets: readonly string[]): string[] {
  return secrets.map((secret) =>
    createHmac('sha256', secret).update('key id').digest('base64url').slice(0, 6),
  )
}

/**
 * Derives the keys of one purpose from the keys of a setting (HKDF-SHA-256, RFC 5869), so that a key never serves
 * two purposes, and a setting may be any text that is long enough.
 */
export function deriveKeys(secrets: readonly string[], purpose: string): KeyRing {
  const ids = listKeyIds(secrets)
  const keys = secrets.map((secret, index) => ({
    id: ids[index] ?? '',
    key: createSecretKey(Buffer.from(hkdfSync('sha256', secret, 'sentry-mcp', purpose, 32))),
  }))
  const [current] = keys
  if (current === undefined) throw new RangeError('A key ring needs at least one key.')
  const byId = new Map(keys.map((key) => [key.id, key]))
  return { current, find: (id) => byId.get(id) }
}
