import { BodyTooLargeError, readBounded } from '../http/read-bounded.ts'
import { SignInRequiredError } from './access.ts'
import { UpstreamBusyError } from './budget.ts'
import { cleanBody } from './clean-json.ts'
import { deferAfterRefusal, isConnectionReset, refuseDeferred } from './deferral.ts'
import { findEscape } from './destination.ts'
import {
  findFile,
  isAttachmentList,
  type LargeFile,
  LargeFileError,
  MAX_FILE_BYTES,
  noteLargeAttachments,
  readLength,
} from './large-file.ts'
import { ReadResponse } from './read-response.ts'
import { describePage, fetchSentry, isPage, type UpstreamResponse } from './request.ts'
import { readRequiredAction } from './required-action.ts'
import { createTimeout, type Timeout } from './timeout.ts'
import { addWrite, findUpstreamCall, type UpstreamCall, type UpstreamWrite } from './tool-call.ts'

/**
 * What tools get in place of an access token. The real token replaces it in a request to Sentry only, so a tool can
 * neither log it, repeat it nor send it elsewhere.
 */
export const TOKEN_PLACEHOLDER = 'access-token-of-this-call'

/** The longest response that is read, in bytes after decompression. */
const MAX_BYTES = 20 * 1024 * 1024

/** A response up to this length needs no place among the large ones. */
const FREE_BYTES = 256 * 1024

const MAX_REDIRECTS = 5

const RETRY = 'Try again in a moment; if it goes on, it is down or the network between is.'

const LET_THROUGH =
  'The operator of this Sentry MCP server has to let it through the access proxy (SENTRY_CUSTOM_HEADERS).'

/** A request of a tool got no response. The message is fit for a model to read. */
export class ToolFetchError extends Error {
  override readonly name: string = 'ToolFetchError'
}

/** Codes of errors of undici and the system after which the server surely did not get the request. */
const NOT_SENT = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  'UND_ERR_CONNECT_TIMEOUT',
])

/** The response did not come in time. */
export class ToolFetchTimeoutError extends ToolFetchError {
  override readonly name = 'ToolFetchTimeoutError'
}

/**
 * The `fetch` of mcp-core's code, which works only inside `runUpstreamCall`. It limits time and size, sends the user's
 * token only to Sentry and to paths of the caller's organization, and renews the token once when Sentry refuses it.
 * Throws `ToolFetchError`, `LargeFileError` or `UpstreamBusyError`; for another host that could not be reached, the
 * `TypeError` that `fetch` throws, with the `ToolFetchError` as its cause, since AI SDKs try again after that alone.
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
  const forward = (target: URL) => sendWithToken(call, target, { ...init, headers: new Headers(headers) })
  if (call.compatibility === undefined) return forward(url)
  const method = init.method ?? (input instanceof Request ? input.method : 'GET')
  return call.compatibility.send({ method, url }, forward, call)
}

async function sendWithToken(
  call: UpstreamCall,
  url: URL,
  init: RequestInit & { headers: Headers },
): Promise<Response> {
  const refusal = refuseDeferred(call)
  if (refusal !== undefined) return refusal
  const presented = call.accessToken
  init.headers.set('authorization', `Bearer ${presented}`)
  const response = normalizeRefusal(await sendToSentry(call, url, init), url)
  if (response.status !== 401) return response
  // A new token would not change it.
  call.requiredAction = readRequiredAction(await readJson(response))
  if (call.requiredAction !== undefined) return response
  const successor = call.accessToken === presented ? await renew(call, presented) : call.accessToken
  if (successor === undefined) return response
  init.headers.set('authorization', `Bearer ${successor}`)
  return normalizeRefusal(await sendToSentry(call, url, init), url)
}

/** Repeats a read once if its connection was reset, as while Sentry restarts. A write may have happened. */
async function sendToSentry(call: UpstreamCall, url: URL, init: RequestInit): Promise<Response> {
  const attempt = () => send(call, url, init, { isAuthorized: true })
  const response = await attempt().catch((error: unknown) => {
    if (!isWrite(init) && isConnectionReset(error)) return attempt()
    throw error
  })
  deferAfterRefusal(call, response)
  await assertFromSentry(response)
  return response
}

/** An access proxy refuses with a page, which says nothing about the user's token or about what is in Sentry. */
async function assertFromSentry(response: Response): Promise<void> {
  const { status, headers } = response
  if (status < 400 || status >= 500 || status === 429) return
  if (!isPage(headers, await response.clone().text())) return
  throw new ToolFetchError(`${describePage(status)} ${LET_THROUGH} Trying again will not help.`)
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

async function send(
  call: UpstreamCall,
  input: string | URL | Request,
  init: RequestInit,
  { isAuthorized }: { isAuthorized: boolean } = { isAuthorized: false },
): Promise<Response> {
  const requested = new URL(input instanceof Request ? input.url : input)
  let target = requested
  const method = (init.method ?? 'GET').toUpperCase()
  if (isAuthorized) assertDestination(call, target, method)
  const who = call.sentry.owns(target) ? 'Sentry' : describeOther(input, init)
  const timeoutMs = who === 'Sentry' ? call.timeouts.sentryMs : call.timeouts.otherMs
  const known = call.largeFiles.get(target.pathname)
  if (known !== undefined && who === 'Sentry') throw leaveOut(call, known)
  const endRequest = who === 'Sentry' ? await call.share.beginRequest() : () => undefined
  const timeout = createTimeout(timeoutMs, [call.signal, init.signal])
  const { signal } = timeout
  // Only what carries the user's token is for Sentry itself: its documentation and an AI provider may be on its hosts.
  const request = (next: string | URL | Request): Promise<UpstreamResponse> =>
    isAuthorized
      ? fetchSentry(call.sentry, target, { method, headers: init.headers, body: readText(init), signal })
      : fetch(next, { ...init, redirect: 'manual', signal })
  const write: UpstreamWrite | undefined =
    who === 'Sentry' && isWrite(init) ? { status: undefined } : undefined
  if (write !== undefined) addWrite(write)
  try {
    let response = await request(input)
    if (write !== undefined) write.status = response.status
    for (let hops = 0; isRedirect(response); hops += 1) {
      await response.body?.cancel()
      if (hops === MAX_REDIRECTS) throw new ToolFetchError(`${who} redirects in a circle.`)
      const next = URL.parse(response.headers.get('location') ?? '', target.href)
      const found = next !== null && isAuthorized ? call.sentry.publish(next) : next
      assertFollowed(found, target, isWrite(init), who)
      target = found
      // Sentry's redirect could leave the caller's organization or project.
      if (isAuthorized) assertDestination(call, target, method)
      response = await request(target)
    }
    if (who === 'Sentry') call.hasRead = true
    if (who === 'Sentry' && [429, 503].includes(response.status)) {
      call.retryAfterSeconds = readRetryAfter(response.headers)
    }
    const reserve = (bytes: number) => waitForMemory(call, bytes, { timeout, endRequest })
    const whole = await readWhole(response, { call, requested, target, who, reserve })
    if (who === 'Sentry' && isAttachmentList(target) && whole.ok) {
      noteLargeAttachments(await whole.clone().json(), target, call.largeFiles)
    }
    return whole
  } catch (error) {
    if ([ToolFetchError, LargeFileError, UpstreamBusyError].some((kind) => error instanceof kind)) throw error
    call.signal.throwIfAborted()
    if (write !== undefined && wasNotSent(error)) write.status = 0
    // After a write that Sentry may have carried out, trying again is not the advice.
    const advice = write === undefined || write.status === 0 ? ` ${RETRY}` : ''
    if (timeout.isOver) {
      throw new ToolFetchTimeoutError(`${who} did not answer within ${timeoutMs / 1000} seconds.${advice}`)
    }
    if (init.signal?.aborted) throw new ToolFetchTimeoutError(`${who} did not answer in time.${advice}`)
    const failure = new ToolFetchError(`${who} could not be reached.${advice}`, { cause: error })
    throw who === 'Sentry' ? failure : new TypeError('fetch failed', { cause: failure })
  } finally {
    timeout.close()
    endRequest()
  }
}

/** The body of a request to Sentry, which mcp-core writes as JSON. */
function readText({ body }: RequestInit): string | undefined {
  if (body === undefined || body === null) return undefined
  if (typeof body !== 'string') throw new TypeError('The body of a request to Sentry is not text.')
  return body
}

function leaveOut({ leftOut }: UpstreamCall, file: LargeFile): LargeFileError {
  leftOut.push(file)
  return new LargeFileError(file)
}

/** Waits until a large response may be read. Meanwhile it neither counts as a request nor runs out of time. */
async function waitForMemory(
  { share }: UpstreamCall,
  bytes: number,
  { timeout, endRequest }: { timeout: Timeout; endRequest: () => void },
): Promise<boolean> {
  timeout.stop()
  endRequest()
  const isReserved = await share.reserve(bytes)
  timeout.start()
  return isReserved
}

/** Refuses to send the token to another host than Sentry, or beyond the caller's organization or project. */
function assertDestination({ sentry, caller }: UpstreamCall, url: URL, method: string): void {
  if (!sentry.owns(url)) {
    throw new ToolFetchError(`The user's access to Sentry cannot be used at ${url.host}.`)
  }
  const problem = findEscape(url, method, caller.constraints)
  if (problem !== undefined) throw new ToolFetchError(problem)
}

function isRedirect(response: UpstreamResponse): boolean {
  return [301, 302, 303, 307, 308].includes(response.status) && response.headers.has('location')
}

/** Another origin gets neither the token nor the request, and a write is not repeated at another URL. */
function assertFollowed(next: URL | null, from: URL, isWrite: boolean, who: string): asserts next is URL {
  if (who === 'Sentry' && next?.origin === from.origin && isWrite) {
    throw new ToolFetchError(
      `Sentry redirects this change to ${next.pathname}: the project or organization was probably renamed, so use its present slug. A redirect of a change is not followed.`,
    )
  }
  if (next !== null && next.origin !== from.origin && who === 'Sentry') {
    throw new ToolFetchError(
      `Sentry redirects to ${next.origin}. If that is the sign-in page of an access proxy: ${LET_THROUGH} The redirect is not followed.`,
    )
  }
  if (next === null || next.origin !== from.origin || isWrite) {
    const where = next === null ? 'an invalid address' : 'another address'
    throw new ToolFetchError(`${who} redirects to ${where}, which is not followed.`)
  }
}

function isWrite({ method = 'GET' }: RequestInit): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(method.toUpperCase())
}

/** The addresses of other hosts are the operator's affair, so that messages name what is there. */
function describeOther(input: string | URL | Request, init: RequestInit): string {
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined))
  const hasKey = ['authorization', 'x-api-key', 'api-key'].some((name) => headers.has(name))
  return hasKey ? 'The AI provider' : "Sentry's documentation"
}

/** Whether a request failed before the server can have got it. `fetch` puts the system's error into the cause. */
function wasNotSent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return NOT_SENT.has(code) || code.startsWith('ERR_TLS_') || code.includes('CERT_') || code.endsWith('_CERT')
}

interface Reading {
  call: UpstreamCall
  /** What the tool asked for. */
  requested: URL
  /** Where redirects led. */
  target: URL
  who: string
  /** Waits until a response of so many bytes may be read. False if it may not. */
  reserve(bytes: number): Promise<boolean>
}

/**
 * Reads the body before the response is handed on, so that the timeout covers all of it. All data of Sentry passes
 * here, so here it is cleaned.
 */
async function readWhole(response: UpstreamResponse, reading: Reading): Promise<Response> {
  const { call, requested, target, who, reserve } = reading
  const { status, statusText } = response
  const headers = new Headers(response.headers)
  const { href: address } = target
  if (response.body === null) {
    return new ReadResponse({ bytes: Buffer.alloc(0), address }, { status, statusText, headers })
  }
  headers.delete('content-encoding')
  headers.delete('content-length')
  const file = response.ok ? findFile(target, response.headers, call.sentry) : undefined
  const maxBytes = file === undefined ? MAX_BYTES : MAX_FILE_BYTES
  const length = readLength(response.headers)
  let reserved = 0
  try {
    if (length !== undefined && length > maxBytes) throw new BodyTooLargeError(maxBytes)
    const body = await readBounded(response.body, maxBytes, {
      bytes: FREE_BYTES,
      async onBeyond() {
        const expected = length ?? maxBytes
        if (await reserve(expected)) {
          reserved = expected
          return
        }
        if (file !== undefined) throw leaveOut(call, file)
        throw new ToolFetchError(
          `The responses of ${who} to this request are too large together. Ask for less at once.`,
        )
      },
    })
    if (reserved > body.length) call.share.release(reserved - body.length)
    const clean =
      who === 'Sentry' ? cleanBody(body, { url: requested, ok: response.ok, headers }) : { bytes: body }
    return new ReadResponse({ ...clean, address }, { status, statusText, headers })
  } catch (error) {
    call.share.release(reserved)
    await response.body.cancel().catch(() => undefined)
    if (!(error instanceof BodyTooLargeError)) throw error
    if (file !== undefined) throw leaveOut(call, file)
    throw new ToolFetchError(`The response of ${who} is larger than ${MAX_BYTES / 1024 ** 2} MiB.`)
  }
}

async function readJson(response: Response): Promise<unknown> {
  return response
    .clone()
    .json()
    .catch(() => undefined)
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
