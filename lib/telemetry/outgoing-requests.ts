import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { UpstreamLeg } from './metrics.ts'

/** A request that leaves through `fetch`, before it does. */
export interface OutgoingRequest {
  method: string
  url: URL
  addHeader(name: string, value: string): void
}

/** How it ended: with the status of the answer, which may have broken off, or without any. */
export interface OutgoingEnd {
  status: number | undefined
  error: Error | undefined
}

/** Is told of a request and returns what to tell of its end; undefined for one that is none of its concern. */
export type OutgoingWatch = (request: OutgoingRequest) => ((end: OutgoingEnd) => void) | undefined

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
 * Tells of every request that this process makes with `fetch`, whoever makes it. It is told in the asynchronous
 * context of whoever asked. Returns a function that ends it.
 */
export function watchOutgoing(watch: OutgoingWatch): () => void {
  const pending = new WeakMap<object, { end: (end: OutgoingEnd) => void; status?: number }>()

  function begin({ request }: UndiciMessage): void {
    // What a proxy is asked for is no request of its own.
    if (request.method === 'CONNECT') return
    const url = URL.parse(request.path, String(request.origin))
    if (url === null) return
    const { method } = request
    const end = watch({ method, url, addHeader: (name, value) => request.addHeader(name, value) })
    if (end !== undefined) pending.set(request, { end })
  }

  function noteStatus({ request, response }: UndiciMessage): void {
    const entry = pending.get(request)
    if (entry !== undefined && response !== undefined) entry.status = response.statusCode
  }

  function end({ request, error }: UndiciMessage): void {
    const entry = pending.get(request)
    pending.delete(request)
    entry?.end({ status: entry.status, error })
  }

  const listeners = {
    'undici:request:create': begin,
    'undici:request:headers': noteStatus,
    'undici:request:trailers': end,
    'undici:request:error': end,
  }
  const subscriptions = Object.entries(listeners).map(([channel, listen]) => {
    const listener = (message: unknown) => listen(message as UndiciMessage)
    subscribe(channel, listener)
    return () => unsubscribe(channel, listener)
  })
  return () => {
    for (const stop of subscriptions) stop()
  }
}

/**
 * What a request is for. `isCall` says whether a tool call makes it: only then are others than Sentry of interest,
 * since errors are reported and traces delivered by requests as well.
 */
export function findLeg(url: URL, sentryOrigin: string, isCall: boolean): UpstreamLeg | undefined {
  const isRegion = sentryOrigin === 'https://sentry.io' && url.host.endsWith('.sentry.io')
  if (url.origin === sentryOrigin || isRegion) {
    if (url.pathname === '/oauth/token/') return 'oauth_token'
    if (url.pathname === '/oauth/revoke/') return 'oauth_revoke'
    if (url.pathname.startsWith('/api/0/')) return 'api'
  }
  return isCall ? 'other' : undefined
}
