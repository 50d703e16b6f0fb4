import type { Caller } from '../model/caller.ts'
import type { Store } from '../store/store.ts'
import type { UpstreamCall } from './tool-call.ts'

/**
 * Whether Sentry takes requests of a user, for all clients of the user and all instances. The read is started here and
 * awaited before the first request to Sentry. One that fails lets requests through: Sentry itself refuses them.
 */
export function createDeferral(
  subject: string,
  store: Pick<Store, 'readDeferral' | 'deferUpstream'>,
): Required<Pick<Caller, 'sentryRetryAt' | 'deferRequests'>> {
  return {
    sentryRetryAt: store.readDeferral(subject).catch(() => undefined),
    deferRequests(until) {
      store.deferUpstream(subject, until).catch(() => undefined)
    },
  }
}

/** The response to a request that Sentry would refuse, because it asked to wait; undefined where it may be sent. */
export async function refuseDeferred(call: UpstreamCall): Promise<Response | undefined> {
  const retryAt = (await call.caller.sentryRetryAt) ?? 0
  const seconds = Math.ceil((retryAt - Date.now()) / 1000)
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

/** Seconds until Sentry accepts requests again, from `Retry-After` (RFC 9110 §10.2.3) or Sentry's own header. */
export function readRetryAfter(headers: Headers): number | undefined {
  const text = headers.get('retry-after')
  const reset = headers.get('x-sentry-rate-limit-reset')
  const seconds =
    text === null
      ? Number(reset ?? Number.NaN) - Date.now() / 1000
      : /^\d+$/.test(text)
        ? Number(text)
        : (Date.parse(text) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 1), 3600) : undefined
}

/** Codes of errors of undici and the system after which the server surely did not get the request. */
const NOT_SENT = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Whether a request failed before the server can have got it. `fetch` puts the system's error into the cause. */
export function wasNotSent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return NOT_SENT.has(code) || code.startsWith('ERR_TLS_') || code.includes('CERT_') || code.endsWith('_CERT')
}
