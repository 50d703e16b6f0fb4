import { TransientError } from '../errors.ts'
import { decrypt, encrypt } from './aes-gcm.ts'
import { deriveKeys } from './key-ring.ts'

export interface Sealer {
  /**
   * Encrypts text with AES-256-GCM under the first key. `context` names the record it belongs to and is
   * authenticated along with it, so that sealed content cannot be moved to another record.
   */
  seal(text: string, context: string): string
  /** Decrypts what `seal` made for the same context. Throws `UnsealError`. */
  open(sealed: string, context: string): string
  /** Whether it was sealed under the first key. */
  isCurrent(sealed: string): boolean
}

/**
 * A stored record cannot be decrypted: its key is missing from ENCRYPTION_KEY, or the record was altered. The
 * operator has to find out why; the client's credentials are still good, and clients are told only to try again.
 */
export class UnsealError extends TransientError {
  constructor(message: string, options?: { cause?: unknown }) {
    const publicMessage = 'The server cannot reach its data. Try again in a moment.'
    super(message, { publicMessage, cause: options?.cause })
  }
}

const VERSION = 'v1'

/** Seals and opens stored text. The format is `v1.<key id>.<base64url of nonce, ciphertext and tag>`. */
export function createSealer(secrets: readonly string[]): Sealer {
  const keys = deriveKeys(secrets, 'seal')
  const prefix = `${VERSION}.${keys.current.id}.`

  function open(sealed: string, context: string): string {
    const [version, keyId, encrypted] = sealed.split('.')
    if (version !== VERSION || keyId === undefined || encrypted === undefined) {
      throw new UnsealError('A sealed record is malformed.')
    }
    const found = keys.find(keyId)
    if (found === undefined) {
      throw new UnsealError(`A record is sealed with key ${keyId}, which is not in ENCRYPTION_KEY.`)
    }
    try {
      return decrypt(encrypted, found.key, context)
    } catch (cause) {
      throw new UnsealError('A sealed record was altered or belongs to another context.', { cause })
    }
  }

  return {
    seal: (text, context) => prefix + encrypt(text, keys.current.key, context),
    open,
    isCurrent: (sealed) => sealed.startsWith(prefix),
  }
}
