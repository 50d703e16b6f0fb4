import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { createToken } from '../../crypto/hash.ts'
import type { Signer } from '../../crypto/signer.ts'

const MAC_LENGTH = 28
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Issues a refresh token for a grant: opaque, 256 random bits, with a MAC. The MAC tells an old token of ours,
 * whose use ends the grant (RFC 9700 §4.14.2), from a made-up one, which must end nothing.
 */
export function issueRefreshToken(grantId: string, signer: Signer): string {
  const body = `${grantId}.${createToken()}`
  return `rt1.${body}.${signer.createMac('refresh-token', body)}`
}

/** The grant that a refresh token of ours speaks for. Undefined when the token is not ours. */
export function readRefreshToken(token: string, signer: Signer): { grantId: string } | undefined {
  const [version, grantId, random, mac, ...rest] = token.split('.')
  if (version !== 'rt1' || grantId === undefined || random === undefined) return undefined
  if (mac?.length !== MAC_LENGTH || rest.length > 0) return undefined
  if (!signer.verifyMac('refresh-token', `${grantId}.${random}`, mac)) return undefined
  return { grantId }
}

/**
 * Seals the successor of a refresh token so that only a holder of the predecessor can open it: everybody who
 * refreshes with the same token at once gets the same successor, and the store never holds one in clear.
 */
export function sealSuccessor(successor: string, predecessor: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', deriveCapsuleKey(predecessor), nonce)
  const body = [nonce, cipher.update(successor, 'utf8'), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(body).toString('base64url')
}

/** Opens what `sealSuccessor` made with the same predecessor. */
export function openSuccessor(capsule: string, predecessor: string): string {
  const body = Buffer.from(capsule, 'base64url')
  const nonce = body.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', deriveCapsuleKey(predecessor), nonce, {
    authTagLength: TAG_BYTES,
  })
  decipher.setAuthTag(body.subarray(-TAG_BYTES))
  const opened = decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES))
  return Buffer.concat([opened, decipher.final()]).toString('utf8')
}

function deriveCapsuleKey(predecessor: string): Buffer {
  return Buffer.from(hkdfSync('sha256', predecessor, 'sentry-mcp', 'refresh-token successor', 32))
}
