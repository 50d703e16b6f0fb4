/**
 * The service cannot start, for a reason that whoever runs it can mend. The message is for that person, and says
 * what to do; it has no stack, which would only bury it.
 */
export class StartUpError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.stack = `${this.name}: ${message}`
  }
}
