import { BodyTooLargeError, readBounded } from '../http/read-bounded.ts'
import { SignInRequiredError } from './access.ts'
import { cleanBody } from './clean-json.ts'
import { findUpstreamCall, type UpstreamCall } from './tool-call.ts'

/**
 * What tools get in place of an access token. The real token replaces it in a request to Sentry only, so a tool can
 * neither log it, repeat it nor send it elsewhere.
 */
export const TOKEN_PLACEHOLDER = 'access-token-of-this-call'

/** The longest response that is read, in bytes after decompression. */
const MAX_BYTES = 20 * 1024 * 1024

const MAX_REDIRECTS = 5

const RETRY = 'Try again in a moment; if it goes on, it is down or the network between is.'

/** A request of a tool got no response. The message is fit for a model to read. */
export class ToolFetchError extends Error {
  override readonly name: string = 'ToolFetchError'
}

/** The response did not come in time. */
export class ToolFetchTimeoutError extends ToolFetchError {
  override readonly name = 'ToolFetchTimeoutError'
}

/**
 * The `fetch` of mcp-core's code, which works only inside `runUpstreamCall`. It limits time and size, sends the user's
 * token only to Sentry and to paths of the caller's organization, and renews the token once when Sentry refuses it.
 * Throws `ToolFetchError`.
 */
export async function fetchUpstream(
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const call = findUpstreamCall()
  if (call === undefined) throw new ToolFetchError('A request can only be made by a tool call.')
  const url = new URL(input instanceof Request ? input.url : input)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new ToolFetchError('Only http and https addresses can be requested.')
  }
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined))
  if (headers.get('authorization') !== `Bearer ${TOKEN_PLACEHOLDER}`) return send(call, input, init)
  assertDestination(call, url)
  return sendWithToken(call, url, { ...init, headers })
}

async function sendWithToken(
  call: UpstreamCall,
  url: URL,
  init: RequestInit & { headers: Headers },
): Promise<Response> {
  const presented = call.accessToken
  init.headers.set('authorization', `Bearer ${presented}`)
  const response = normalizeRefusal(await send(call, url, init), url)
  if (response.status !== 401) return response
  call.requiredAction = await readRequiredAction(response)
  if (call.requiredAction !== undefined) return response
  const successor = call.accessToken === presented ? await renew(call, presented) : call.accessToken
  if (successor === undefined) return response
  init.headers.set('authorization', `Bearer ${successor}`)
  return normalizeRefusal(await send(call, url, init), url)
}

/** Sentry responds 401 to an invalid token, but 400 at the endpoint that names its user. */
function normalizeRefusal(response: Response, { pathname }: URL): Response {
  if (response.status !== 400 || pathname !== '/api/0/auth/') return response
  return Response.json({ detail: 'Invalid token' }, { status: 401 })
}

/** The successor of a refused token; undefined if there is none, or if Sentry refused the successor itself. */
async function renew(call: UpstreamCall, refused: string): Promise<string | undefined> {
  try {
    call.renewal ??= call.caller.renewAccessToken()
    call.accessToken = await call.renewal
    return call.accessToken === refused ? undefined : call.accessToken
  } catch (cause) {
    if (cause instanceof SignInRequiredError) {
      call.signInRequired = cause
      return undefined
    }
    throw new ToolFetchError('The sign-in at Sentry could not be renewed just now. Try again in a moment.', {
      cause,
    })
  }
}

async function send(call: UpstreamCall, input: string | URL | Request, init: RequestInit): Promise<Response> {
  const requested = new URL(input instanceof Request ? input.url : input)
  let target = requested
  const who = call.sentry.owns(target) ? 'Sentry' : target.host
  const timeoutMs = who === 'Sentry' ? call.timeouts.sentryMs : call.timeouts.otherMs
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), timeoutMs)
  const signals = [call.signal, timeout.signal, init.signal].filter((signal) => signal instanceof AbortSignal)
  const options: RequestInit = { ...init, redirect: 'manual', signal: AbortSignal.any(signals) }
  try {
    let response = await fetch(input, options)
    for (let hops = 0; isRedirect(response); hops += 1) {
      await response.body?.cancel()
      if (hops === MAX_REDIRECTS) throw new ToolFetchError(`${who} redirects in a circle.`)
      target = followRedirect(response, target, init, who)
      response = await fetch(target, options)
    }
    if (who === 'Sentry') call.hasRead = true
    if (who === 'Sentry' && [429, 503].includes(response.status)) {
      call.retryAfterSeconds = readRetryAfter(response.headers)
    }
    return await readWhole(response, who, requested)
  } catch (error) {
    if (error instanceof ToolFetchError) throw error
    call.signal.throwIfAborted()
    if (timeout.signal.aborted) {
      throw new ToolFetchTimeoutError(`${who} did not answer within ${timeoutMs / 1000} seconds. ${RETRY}`)
    }
    if (init.signal?.aborted) throw new ToolFetchTimeoutError(`${who} did not answer in time. ${RETRY}`)
    throw new ToolFetchError(`${who} could not be reached. ${RETRY}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** Refuses to send the token to another host than Sentry, or to another organization than the caller's. */
function assertDestination({ sentry, caller }: UpstreamCall, url: URL): void {
  if (!sentry.owns(url)) {
    throw new ToolFetchError(`The user's access to Sentry cannot be used at ${url.host}.`)
  }
  const { organizationSlug } = caller.constraints
  if (organizationSlug === undefined) return
  const [, , , collection, organization] = url.pathname.split('/')
  const isWithin =
    collection === 'auth' ||
    (['organizations', 'projects', 'teams'].includes(collection ?? '') && organization === organizationSlug)
  if (!isWithin) {
    throw new ToolFetchError(`This connection is limited to the organization ${organizationSlug}.`)
  }
}

function isRedirect(response: Response): boolean {
  return [301, 302, 303, 307, 308].includes(response.status) && response.headers.has('location')
}

/** Another origin gets neither the token nor the request, and a write is not repeated at another URL. */
function followRedirect(response: Response, from: URL, init: RequestInit, who: string): URL {
  const location = response.headers.get('location') ?? ''
  const next = URL.parse(location, from.href)
  if (next === null || next.origin !== from.origin || (init.method ?? 'GET').toUpperCase() !== 'GET') {
    const where = next === null ? 'an invalid address' : next.origin
    throw new ToolFetchError(`${who} redirects to ${where}, which is not followed.`)
  }
  return next
}

/**
 * Reads the body before the response is handed on, so that the timeout covers all of it. All data of Sentry passes
 * here, so here it is cleaned.
 */
async function readWhole(response: Response, who: string, url: URL): Promise<Response> {
  if (response.body === null) return response
  const { status, statusText } = response
  const headers = new Headers(response.headers)
  headers.delete('content-encoding')
  headers.delete('content-length')
  try {
    const bytes = await readBounded(response.body, MAX_BYTES)
    if (who !== 'Sentry') return new Response(bytes, { status, statusText, headers })
    const clean = cleanBody(bytes, { url, ok: response.ok, headers })
    const whole = new Response(clean.bytes, { status, statusText, headers })
    const { json } = clean
    return json === undefined
      ? whole
      : Object.defineProperty(whole, 'json', { value: async () => json.value })
  } catch (error) {
    if (!(error instanceof BodyTooLargeError)) throw error
    throw new ToolFetchError(`The response of ${who} is larger than ${MAX_BYTES / 1024 ** 2} MiB.`)
  }
}

/**
 * Sentry also responds 401 if the user has to do something first, which it names in `detail.code`; a new token would
 * not change that.
 */
async function readRequiredAction(response: Response): Promise<string | undefined> {
  try {
    const body = (await response.clone().json()) as { detail?: { code?: unknown } }
    const code = body.detail?.code
    return typeof code === 'string' && /^[a-z0-9-]{1,60}$/.test(code) ? code : undefined
  } catch {
    return undefined
  }
}

/** Seconds until Sentry accepts requests again, from `Retry-After` (RFC 9110 §10.2.3) or Sentry's own header. */
function readRetryAfter(headers: Headers): number | undefined {
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
