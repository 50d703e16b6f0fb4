/**
 * An error that a person at a browser is told on a page, because no redirect URI is proven or none can help.
 * The sentence is public; whatever led to it stays in `cause`, for the log.
 */
export class PageError extends Error {
  override readonly name = 'PageError'
  readonly status: number
  readonly advice: string

  constructor(status: number, sentence: string, advice: string, options?: { cause?: unknown }) {
    super(sentence, options)
    this.status = status
    this.advice = advice
  }
}

export const START_AGAIN =
  'Go back to where you began, your MCP client or the account page of this server, and start again.'

/** The transaction has ended by time, by use, or never was: a page kept too long, or a link opened twice. */
export function createExpiredError(): PageError {
  return new PageError(400, 'This sign-in has ended or was already used.', START_AGAIN)
}

/** RFC 9700 §4.7, and the advisory CVE-2026-27124: only the browser that began a sign-in may go on with it. */
export function createOtherBrowserError(): PageError {
  return new PageError(
    403,
    'This sign-in was begun in another browser.',
    'Open the link in the browser that your MCP client opened, or connect again from the client. If you did not start a sign-in yourself, close this page: somebody may have sent you a link to get at your data.',
  )
}
