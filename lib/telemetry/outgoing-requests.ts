import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { UpstreamTarget } from './metrics.ts'

/** A request by `fetch` that is about to be sent. */
export interface OutgoingRequest {
  method: string
  url: URL
  addHeader(name: string, value: string): void
}

/** The status of the response, if there was one, and the error that ended the request, if any. */
export interface OutgoingResult {
  status: number | undefined
  error: Error | undefined
}

/** Called with a request. Returns a function to call with its result, or undefined to ignore the request. */
export type OutgoingRequestListener = (
  request: OutgoingRequest,
) => ((result: OutgoingResult) => void) | undefined

/** Which requests are classified as Sentry's, and which belong to a tool call. */
export interface TargetRules {
  /** Where Sentry is; see `SentryLocation`. */
  sentry: { owns(url: URL): boolean }
  /** Whether the current async context is that of a tool call. */
  isToolCall(): boolean
}

/** The parts of undici's messages that are used here (`undici:request:*` in its documentation). */
interface UndiciMessage {
  request: {
    method: string
    origin: string | URL
    path: string
    addHeader(name: string, value: string): void
  }
  response?: { statusCode: number }
  error?: Error
}

/**
 * Calls a listener for every request that this process makes with `fetch`, in the async context of the caller. Returns
 * a function that unsubscribes.
 */
export function onOutgoingRequest(listener: OutgoingRequestListener): () => void {
  const pending = new WeakMap<object, { end: (result: OutgoingResult) => void; status?: number }>()

  function begin({ request }: UndiciMessage): void {
    // A request to open a tunnel through the proxy; the one inside the tunnel is reported too.
    if (request.method === 'CONNECT') return
    const url = URL.parse(request.path, String(request.origin))
    if (url === null) return
    const { method } = request
    const end = listener({ method, url, addHeader: (name, value) => request.addHeader(name, value) })
    if (end !== undefined) pending.set(request, { end })
  }

  function setStatus({ request, response }: UndiciMessage): void {
    const entry = pending.get(request)
    if (entry !== undefined && response !== undefined) entry.status = response.statusCode
  }

  function end({ request, error }: UndiciMessage): void {
    const entry = pending.get(request)
    pending.delete(request)
    entry?.end({ status: entry.status, error })
  }

  const handlers = {
    'undici:request:create': begin,
    'undici:request:headers': setStatus,
    'undici:request:trailers': end,
    'undici:request:error': end,
  }
  const unsubscribers = Object.entries(handlers).map(([channel, handle]) => {
    const onMessage = (message: unknown) => handle(message as UndiciMessage)
    subscribe(channel, onMessage)
    return () => unsubscribe(channel, onMessage)
  })
  return () => {
    for (const stop of unsubscribers) stop()
  }
}

/**
 * What a request is for. Requests to other hosts than Sentry's count only inside a tool call: error reports and traces
 * are delivered by requests as well.
 */
export function findTarget(url: URL, { sentry, isToolCall }: TargetRules): UpstreamTarget | undefined {
  if (sentry.owns(url)) {
    if (url.pathname === '/oauth/token/') return 'oauth_token'
    if (url.pathname === '/oauth/revoke/') return 'oauth_revoke'
    if (url.pathname.startsWith('/api/0/')) return 'api'
  }
  return isToolCall() ? 'other' : undefined
}
