import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { TransientError } from '../errors.ts'
import { deriveKeys } from './key-ring.ts'

export interface Sealer {
  /**
   * Encrypts text with AES-256-GCM under the first key. `context` names the record it belongs to and is
   * authenticated with it, so that one record's content cannot stand in another.
   */
  seal(text: string, context: string): string
  /** Decrypts what `seal` made for the same context. Throws `UnsealError`. */
  open(sealed: string, context: string): string
  /** Whether it was sealed under the first key. */
  isCurrent(sealed: string): boolean
}

/**
 * Something stored cannot be decrypted: the key is not among those of the settings, or the record was altered.
 * That is an operator's fault to find, never a reason to tell a client that its credentials are gone.
 */
export class UnsealError extends TransientError {
  constructor(message: string, options?: { cause?: unknown }) {
    const publicMessage = 'The server cannot reach its data. Try again in a moment.'
    super(message, { publicMessage, cause: options?.cause })
  }
}

const VERSION = 'v1'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Seals and opens what is stored. The form is `v1.<key id>.<base64url of nonce, text and tag>`. */
export function createSealer(secrets: readonly string[]): Sealer {
  const keys = deriveKeys(secrets, 'seal')

  function seal(text: string, context: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', keys.current.key, nonce).setAAD(Buffer.from(context))
    const body = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return `${VERSION}.${keys.current.id}.${body.toString('base64url')}`
  }

  function open(sealed: string, context: string): string {
    const [version, keyId, text] = sealed.split('.')
    if (version !== VERSION || keyId === undefined || text === undefined) {
      throw new UnsealError('A sealed record is not of a known form.')
    }
    const found = keys.find(keyId)
    if (found === undefined) {
      throw new UnsealError(`A record is sealed with key ${keyId}, which is not in ENCRYPTION_KEY.`)
    }
    const body = Buffer.from(text, 'base64url')
    try {
      const decipher = createDecipheriv('aes-256-gcm', found.key, body.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(Buffer.from(context)).setAuthTag(body.subarray(-TAG_BYTES))
      const opened = decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES))
      return Buffer.concat([opened, decipher.final()]).toString('utf8')
    } catch (cause) {
      throw new UnsealError('A sealed record was altered or belongs to another place.', { cause })
    }
  }

  function isCurrent(sealed: string): boolean {
    return sealed.startsWith(`${VERSION}.${keys.current.id}.`)
  }

  return { seal, open, isCurrent }
}
