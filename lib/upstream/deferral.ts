import type { UpstreamCall } from './tool-call.ts'

/** The response to a request that Sentry would refuse, because it asked to wait; undefined where it may be sent. */
export function refuseDeferred(call: UpstreamCall): Response | undefined {
  const { sentryRetryAt = 0 } = call.caller
  const seconds = Math.ceil((sentryRetryAt - Date.now()) / 1000)
  if (seconds <= 0) return undefined
  call.retryAfterSeconds = seconds
  const headers = { 'retry-after': String(seconds) }
  return Response.json({ detail: 'Sentry asked to wait.' }, { status: 429, headers })
}

/** Makes all instances wait with requests of a user for whom Sentry takes no more (RFC 6585 §4). */
export function deferAfterRefusal(call: UpstreamCall, { status }: Response): void {
  if (status !== 429 || call.retryAfterSeconds === undefined) return
  call.caller.deferRequests?.(Date.now() + call.retryAfterSeconds * 1000)
}

const RESET_CODES = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']

/** Whether a connection was reset: nothing says how far the request got, so only a read may be repeated. */
export function isConnectionReset(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return ('code' in error && RESET_CODES.includes(String(error.code))) || isConnectionReset(error.cause)
}
