import { hashToken } from './hash.ts'

/** RFC 7636 §4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/

/** RFC 7636 §4.2: with S256 a challenge is a SHA-256 as base64url. */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/

export function isCodeVerifier(text: string): boolean {
  return VERIFIER.test(text)
}

export function isCodeChallenge(text: string): boolean {
  return CHALLENGE.test(text)
}

/** The S256 challenge of a verifier (RFC 7636 §4.2). */
export function createCodeChallenge(verifier: string): string {
  return hashToken(verifier)
}
