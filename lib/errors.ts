/**
 * The service cannot start, for a reason that its operator can mend. The message is written for the operator and
 * says what to do. It has no stack, which would hide the message.
 */
export class StartUpError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.stack = `${this.name}: ${message}`
  }
}

export interface TransientErrorOptions {
  /** A sentence for clients and users. It names no host, key or identifier. */
  publicMessage: string
  /** When trying again makes sense, in seconds; 2 by default. */
  retryAfterSeconds?: number
  cause?: unknown
}

/**
 * Something is unavailable for now: the store, Sentry, a document, a key. It says nothing about the credentials of a
 * request, so every protocol reports it as 503 with `Retry-After`, and never as a refusal: clients discard their
 * tokens on one. The message is for the log alone.
 */
export abstract class TransientError extends Error {
  readonly publicMessage: string
  readonly retryAfterSeconds: number

  constructor(message: string, { publicMessage, retryAfterSeconds = 2, cause }: TransientErrorOptions) {
    super(message, { cause })
    this.name = new.target.name
    this.publicMessage = publicMessage
    this.retryAfterSeconds = retryAfterSeconds
  }
}
