import { findUpstreamCall, type SentryLocation, type UpstreamCall } from './tool-call.ts'

/**
 * What tools are given in place of an access token. The true one is put in on the way out, and only on a request
 * to Sentry, so that no tool can log it, repeat it or send it elsewhere.
 */
export const TOKEN_PLACEHOLDER = 'access-token-of-this-call'

/** The longest answer that is read, in bytes after decompression. */
const MAX_ANSWER = 20 * 1024 * 1024

const MAX_REDIRECTS = 5

const RETRY = 'Try again in a moment; if it goes on, it is down or the network between is.'

/** A request did not lead to an answer. The message is fit for a model to read. */
export class UpstreamError extends Error {
  override readonly name: string = 'UpstreamError'
}

/** The answer did not come in time. */
export class UpstreamTimeoutError extends UpstreamError {
  override readonly name = 'UpstreamTimeoutError'
}

/**
 * `fetch` for the code of mcp-core: within a call's lifetime, with a limit on time and size, only to places that
 * the call may reach, and with the user's token, which is renewed once when Sentry refuses it. Throws
 * `UpstreamError`.
 */
export async function fetchUpstream(
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const call = findUpstreamCall()
  if (call === undefined) throw new UpstreamError('A request can only be made by a tool call.')
  const url = new URL(input instanceof Request ? input.url : input)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new UpstreamError('Only http and https addresses can be requested.')
  }
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined))
  if (headers.get('authorization') !== `Bearer ${TOKEN_PLACEHOLDER}`) return send(call, input, init)
  checkDestination(call, url)
  return sendWithToken(call, url, { ...init, headers })
}

async function sendWithToken(
  call: UpstreamCall,
  url: URL,
  init: RequestInit & { headers: Headers },
): Promise<Response> {
  const presented = call.accessToken
  init.headers.set('authorization', `Bearer ${presented}`)
  const response = asRefusal(await send(call, url, init), url)
  if (response.status !== 401) return response
  call.demand = await readDemand(response)
  if (call.demand !== undefined) return response
  const successor = call.accessToken === presented ? await renew(call, presented) : call.accessToken
  if (successor === undefined) return response
  init.headers.set('authorization', `Bearer ${successor}`)
  return asRefusal(await send(call, url, init), url)
}

/** Sentry answers a dead token with 401, but at the endpoint that says whose it is with 400. */
function asRefusal(response: Response, { pathname }: URL): Response {
  if (response.status !== 400 || pathname !== '/api/0/auth/') return response
  return Response.json({ detail: 'Invalid token' }, { status: 401 })
}

/** The successor of a refused token; undefined when there is none, or when it is the successor that was refused. */
async function renew(call: UpstreamCall, refused: string): Promise<string | undefined> {
  try {
    call.renewal ??= call.renewAccessToken()
    const successor = await call.renewal
    call.signInEnded = successor === undefined
    call.accessToken = successor ?? refused
    return successor === refused ? undefined : successor
  } catch (cause) {
    throw new UpstreamError('The sign-in at Sentry could not be renewed just now. Try again in a moment.', {
      cause,
    })
  }
}

async function send(call: UpstreamCall, input: string | URL | Request, init: RequestInit): Promise<Response> {
  let target = new URL(input instanceof Request ? input.url : input)
  const who = isSentry(call.sentry, target) ? 'Sentry' : target.host
  const limit = who === 'Sentry' ? call.timeouts.sentry : call.timeouts.other
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), limit)
  const signals = [call.signal, deadline.signal, init.signal].filter(
    (signal) => signal instanceof AbortSignal,
  )
  const options: RequestInit = { ...init, redirect: 'manual', signal: AbortSignal.any(signals) }
  try {
    let response = await fetch(input, options)
    for (let hops = 0; isRedirect(response); hops += 1) {
      await response.body?.cancel()
      if (hops === MAX_REDIRECTS) throw new UpstreamError(`${who} redirects in a circle.`)
      target = followRedirect(response, target, init, who)
      response = await fetch(target, options)
    }
    if (who === 'Sentry' && [429, 503].includes(response.status)) {
      call.retryAfter = readRetryAfter(response.headers)
    }
    return await readWhole(response, who)
  } catch (error) {
    if (error instanceof UpstreamError) throw error
    call.signal.throwIfAborted()
    if (deadline.signal.aborted) {
      throw new UpstreamTimeoutError(`${who} did not answer within ${limit / 1000} seconds. ${RETRY}`)
    }
    if (init.signal?.aborted) throw new UpstreamTimeoutError(`${who} did not answer in time. ${RETRY}`)
    throw new UpstreamError(`${who} could not be reached. ${RETRY}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** Refuses to send the token anywhere but to Sentry, and to another organization than the call is limited to. */
function checkDestination(call: UpstreamCall, url: URL): void {
  if (!isSentry(call.sentry, url)) {
    throw new UpstreamError(`The user's access to Sentry cannot be used at ${url.host}.`)
  }
  if (call.organizationSlug === undefined) return
  const [, , , collection, organization] = url.pathname.split('/')
  const isWithin =
    collection === 'auth' ||
    (['organizations', 'projects', 'teams'].includes(collection ?? '') &&
      organization === call.organizationSlug)
  if (!isWithin) {
    throw new UpstreamError(`This connection is limited to the organization ${call.organizationSlug}.`)
  }
}

function isSentry(sentry: SentryLocation, url: URL): boolean {
  if (url.origin === sentry.origin) return true
  return sentry.isCloud && url.protocol === 'https:' && `.${url.host}`.endsWith('.sentry.io')
}

function isRedirect(response: Response): boolean {
  return [301, 302, 303, 307, 308].includes(response.status) && response.headers.has('location')
}

/** Another origin gets neither the token nor the request; writing again elsewhere is nothing to do unasked. */
function followRedirect(response: Response, from: URL, init: RequestInit, who: string): URL {
  const location = response.headers.get('location') ?? ''
  const next = URL.parse(location, from.href)
  if (next === null || next.origin !== from.origin || (init.method ?? 'GET').toUpperCase() !== 'GET') {
    const where = next === null ? 'an address that is none' : next.origin
    throw new UpstreamError(`${who} redirects to ${where}, which is not followed.`)
  }
  return next
}

/** Reads the answer as it arrives, so that the limits hold for all of it, whatever it unpacks to. */
async function readWhole(response: Response, who: string): Promise<Response> {
  if (response.body === null) return response
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    if (size > MAX_ANSWER) throw new UpstreamError(`The answer of ${who} is larger than 20 MiB.`)
    chunks.push(chunk)
  }
  const headers = new Headers(response.headers)
  headers.delete('content-encoding')
  headers.delete('content-length')
  return new Response(Buffer.concat(chunks), {
    status: response.status,
    statusText: response.statusText,
    headers,
  })
}

/**
 * Sentry answers 401 as well when the user has to do something first, and then names it in
 * `detail.code`; another token would not change that.
 */
async function readDemand(response: Response): Promise<string | undefined> {
  try {
    const body = (await response.clone().json()) as { detail?: { code?: unknown } }
    const code = body.detail?.code
    return typeof code === 'string' && /^[a-z0-9-]{1,60}$/.test(code) ? code : undefined
  } catch {
    return undefined
  }
}

/** Seconds until Sentry takes requests again, from `Retry-After` (RFC 9110 §10.2.3) or Sentry's own header. */
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
