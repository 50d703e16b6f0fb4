import { hashToken, isToken } from './hash.ts'

/** RFC 7636 §4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/

export function isCodeVerifier(text: string): boolean {
  return VERIFIER.test(text)
}

/** Whether a text has the form of an S256 challenge, a SHA-256 as base64url (RFC 7636 §4.2). */
export function isCodeChallenge(text: string): boolean {
  return isToken(text)
}

/** The S256 challenge of a verifier (RFC 7636 §4.2). */
export function createCodeChallenge(verifier: string): string {
  return hashToken(verifier)
}
