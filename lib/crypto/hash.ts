import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * SHA-256 as base64url, 43 characters. Tokens, codes and transaction ids are stored and compared as this hash, so
 * that a stored one cannot be presented. PKCE's S256 is the same function (RFC 7636 §4.2).
 */
export function hashToken(token: string): string {
  return hash('sha256', token, 'base64url')
}

/** What `createToken` and `hashToken` return, as the source of a regular expression. */
export const TOKEN_PATTERN = '^[A-Za-z0-9_-]{43}$'

const TOKEN = new RegExp(TOKEN_PATTERN)

/** Whether a text has the form of a token or a hash: 256 bits as base64url. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** 256 random bits as base64url, 43 characters. */
export function createToken(): string {
  return randomBytes(32).toString('base64url')
}

/** 96 random bits as base64url, 16 characters: an id that is unique but no secret, such as that of a grant. */
export function createId(): string {
  return randomBytes(12).toString('base64url')
}

/** What `createId` returns, as the source of a regular expression. */
export const ID_PATTERN = '^[A-Za-z0-9_-]{16}$'

/** Compares two texts in constant time. */
export function isEqual(left: string, right: string): boolean {
  return timingSafeEqual(hash('sha256', left, 'buffer'), hash('sha256', right, 'buffer'))
}
