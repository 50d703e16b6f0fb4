import { createHmac, type KeyObject } from 'node:crypto'
import { type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { hashToken, isEqual } from './hash.ts'
import { deriveKeys, type KeyRing } from './key-ring.ts'

/** What a MAC is made for. Each purpose has its own key, so a MAC of one is never valid for another. */
export type MacPurpose =
  | 'client-id'
  | 'client-secret'
  | 'refresh-token'
  | 'csrf'
  | 'audit'
  | 'email'
  | 'rate-limit'

export interface Signer {
  /** A JWT with HS256 under the first key, its type in the header (RFC 9068 §2.1). */
  signJwt(claims: JWTPayload, type: string): Promise<string>
  /** The claims of a JWT from `signJwt`. Verifies algorithm, type, signature, issuer and times; throws jose's errors. */
  verifyJwt(token: string, expected: { type: string; issuer: string }): Promise<JWTPayload>
  /** A MAC of 28 characters over `text`: the key's id and 128 bits of HMAC-SHA-256. */
  createMac(purpose: MacPurpose, text: string): string
  /** Whether `mac` was made by `createMac` for this purpose and text. */
  verifyMac(purpose: MacPurpose, text: string, mac: string): boolean
  /** Whether the key that a MAC was made with is still in JWT_SIGNING_KEY. */
  hasKeyOf(mac: string): boolean
}

const KEY_ID_LENGTH = 6
const MAC_BYTES = 16

/** How many verified tokens are cached, by their hashes. */
const MAX_VERIFIED = 10_000

/** How far the clocks of two instances may be apart. */
const CLOCK_SKEW_SECONDS = 30

export function createSigner(secrets: readonly string[]): Signer {
  const jwtKeys = deriveKeys(secrets, 'jwt')
  const macKeys: Record<MacPurpose, KeyRing> = {
    'client-id': deriveKeys(secrets, 'client-id'),
    'client-secret': deriveKeys(secrets, 'client-secret'),
    'refresh-token': deriveKeys(secrets, 'refresh-token'),
    csrf: deriveKeys(secrets, 'csrf'),
    audit: deriveKeys(secrets, 'audit'),
    email: deriveKeys(secrets, 'email'),
    'rate-limit': deriveKeys(secrets, 'rate-limit'),
  }

  /** A verified token stays valid until it expires, since keys do not change while the process runs. */
  const verified = new LRUCache<string, JWTPayload>({ max: MAX_VERIFIED })

  function signJwt(claims: JWTPayload, type: string): Promise<string> {
    const { id, key } = jwtKeys.current
    return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: type, kid: id }).sign(key)
  }

  async function verifyJwt(token: string, expected: { type: string; issuer: string }): Promise<JWTPayload> {
    const key = hashToken(`${expected.type} ${expected.issuer} ${token}`)
    const cached = verified.get(key)
    if (cached?.exp !== undefined && cached.exp + CLOCK_SKEW_SECONDS > Date.now() / 1000) return cached
    const payload = await verifySignature(token, expected)
    verified.set(key, payload)
    return payload
  }

  async function verifySignature(
    token: string,
    expected: { type: string; issuer: string },
  ): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, ({ kid }) => findJwtKey(kid), {
      algorithms: ['HS256'],
      typ: expected.type,
      issuer: expected.issuer,
      clockTolerance: CLOCK_SKEW_SECONDS,
      requiredClaims: ['exp', 'iat', 'jti', 'sub'],
    })
    return payload
  }

  function findJwtKey(id: string | undefined): KeyObject {
    const found = id === undefined ? undefined : jwtKeys.find(id)
    if (found === undefined)
      throw new TypeError('The token was signed with a key that is not in JWT_SIGNING_KEY.')
    return found.key
  }

  function createMac(purpose: MacPurpose, text: string): string {
    const { id, key } = macKeys[purpose].current
    return id + computeMac(key, text)
  }

  function verifyMac(purpose: MacPurpose, text: string, mac: string): boolean {
    const found = macKeys[purpose].find(mac.slice(0, KEY_ID_LENGTH))
    return found !== undefined && isEqual(computeMac(found.key, text), mac.slice(KEY_ID_LENGTH))
  }

  const hasKeyOf = (mac: string) => jwtKeys.find(mac.slice(0, KEY_ID_LENGTH)) !== undefined

  return { signJwt, verifyJwt, createMac, verifyMac, hasKeyOf }
}

function computeMac(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest().subarray(0, MAC_BYTES).toString('base64url')
}
