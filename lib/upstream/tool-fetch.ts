import { BodyTooLargeError, readBounded } from '../http/read-bounded.ts'
import { SignInRequiredError } from './access.ts'
import { UpstreamBusyError } from './budget.ts'
import { cleanBody } from './clean-json.ts'
import {
  deferAfterRefusal,
  isConnectionReset,
  readRetryAfter,
  refuseDeferred,
  wasNotSent,
} from './deferral.ts'
import { findEscape, keepWithinLimit, narrowOrganizationList } from './destination.ts'
import {
  findFile,
  isAttachmentList,
  LargeFileError,
  leaveOut,
  MAX_FILE_BYTES,
  noteLargeAttachments,
  readLength,
} from './large-file.ts'
import { ReadResponse } from './read-response.ts'
import { describeForeignBody, fetchSentry, findForeignBody, type UpstreamResponse } from './request.ts'
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

/** The response did not come in time. */
export class ToolFetchTimeoutError extends ToolFetchError {
  override readonly name = 'ToolFetchTimeoutError'
}

/** The request would leave the caller's limits. */
export class OutOfReachError extends ToolFetchError {
  override readonly name = 'OutOfReachError'
}

/** A request of a tool. Its body can be sent again, as after a renewal of the token. */
interface ToolRequest {
  url: URL
  /** In capitals. */
  method: string
  headers: Headers
  body: RequestInit['body']
  signal: RequestInit['signal']
}

/**
 * The `fetch` of mcp-core's code, which works only inside `runUpstreamCall`. It limits time and size, sends the user's
 * token only to Sentry and to paths within the caller's limits, and renews the token once when Sentry refuses it.
 * Throws `ToolFetchError`, `LargeFileError` or `UpstreamBusyError`; for another host that could not be reached, the
 * `TypeError` that `fetch` throws, with the `ToolFetchError` as its cause, since AI SDKs try again after that alone.
 */
export async function fetchUpstream(
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const call = findUpstreamCall()
  if (call === undefined) throw new ToolFetchError('A request can only be made by a tool call.')
  const request = await readRequest(input, init)
  const { method, url, headers } = request
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new ToolFetchError('Only http and https addresses can be requested.')
  }
  if (headers.get('authorization') !== `Bearer ${TOKEN_PLACEHOLDER}`) return send(call, request)
  const forward = (to: URL) => sendWithToken(call, { ...request, url: to, headers: new Headers(headers) })
  const target = narrowOrganizationList({ url, method, constraints: call.caller.constraints })
  return call.compatibility === undefined
    ? forward(target)
    : call.compatibility.send({ method, url: target }, forward, call)
}

/** The request that the arguments of `fetch` describe. */
async function readRequest(input: string | URL | Request, init: RequestInit): Promise<ToolRequest> {
  if (!(input instanceof Request)) {
    const { method = 'GET', headers, body, signal } = init
    return { url: new URL(input), method: method.toUpperCase(), headers: new Headers(headers), body, signal }
  }
  const request = new Request(input, init)
  const body = request.body === null ? null : await request.arrayBuffer()
  const { url, method, headers, signal } = request
  return { url: new URL(url), method: method.toUpperCase(), headers, body, signal }
}

async function sendWithToken(call: UpstreamCall, request: ToolRequest): Promise<Response> {
  const refusal = await refuseDeferred(call)
  if (refusal !== undefined) return refusal
  const presented = call.accessToken
  request.headers.set('authorization', `Bearer ${presented}`)
  const response = normalizeRefusal(await sendToSentry(call, request), request.url)
  if (response.status !== 401) return response
  // A new token would not change it.
  call.requiredAction = readRequiredAction(await readJson(response))
  if (call.requiredAction !== undefined) return response
  const successor = call.accessToken === presented ? await renew(call, presented) : call.accessToken
  if (successor === undefined) return response
  request.headers.set('authorization', `Bearer ${successor}`)
  return normalizeRefusal(await sendToSentry(call, request), request.url)
}

/** Repeats a read once if its connection was reset, as while Sentry restarts. A write may have happened. */
async function sendToSentry(call: UpstreamCall, request: ToolRequest): Promise<Response> {
  const attempt = () => send(call, request, { isAuthorized: true })
  const response = await attempt().catch((error: unknown) => {
    if (!isWrite(request) && isConnectionReset(error)) return attempt()
    throw error
  })
  deferAfterRefusal(call, response)
  await assertFromSentry(response)
  return response
}

/** How an access proxy refuses says nothing about the user's token or about what is in Sentry. */
async function assertFromSentry(response: Response): Promise<void> {
  const { status } = response
  if (status < 400 || status >= 500 || status === 429) return
  const what = findForeignBody(response, await response.clone().text())
  if (what === undefined) return
  throw new ToolFetchError(`${describeForeignBody(status, what)} ${LET_THROUGH} Trying again will not help.`)
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

/** A request on its way. */
interface Sending {
  call: UpstreamCall
  request: ToolRequest
  /** The other side, as errors name it. */
  who: string
  timeout: Timeout
  timeoutMs: number
  /** Set for a change at Sentry. */
  write: UpstreamWrite | undefined
  /** Whether it carries the user's token, so that it is for Sentry itself and within the caller's limits. */
  isAuthorized: boolean
}

async function send(
  call: UpstreamCall,
  request: ToolRequest,
  { isAuthorized }: { isAuthorized: boolean } = { isAuthorized: false },
): Promise<Response> {
  if (isAuthorized) assertDestination(call, request.url, request.method)
  const isSentry = call.sentry.owns(request.url)
  const known = call.largeFiles.get(request.url.pathname)
  if (known !== undefined && isSentry) throw leaveOut(call.leftOut, known)
  const endRequest = isSentry ? await call.share.beginRequest() : () => undefined
  const who = isSentry ? 'Sentry' : describeOther(request)
  const timeoutMs = isSentry ? call.timeouts.sentryMs : call.timeouts.otherMs
  const timeout = createTimeout(timeoutMs, [call.signal, request.signal])
  const write: UpstreamWrite | undefined = isSentry && isWrite(request) ? { status: undefined } : undefined
  if (write !== undefined) addWrite(write)
  const sending = { call, request, who, timeout, timeoutMs, write, isAuthorized }
  try {
    const { response, target } = await fetchAndFollow(sending)
    if (isSentry) noteResponse(call, response)
    const reserve = (bytes: number) => waitForMemory(call, bytes, { timeout, endRequest })
    const whole = await readWhole(response, { call, requested: request.url, target, who, reserve })
    if (isSentry && isAttachmentList(target) && whole.ok) {
      noteLargeAttachments(await whole.clone().json(), target, call.largeFiles)
    }
    const { constraints } = call.caller
    return isSentry
      ? await keepWithinLimit(whole, { url: target, method: request.method, constraints })
      : whole
  } catch (error) {
    throw toSendError(error, sending)
  } finally {
    timeout.close()
    endRequest()
  }
}

/** The response that redirects lead to, and its URL. */
async function fetchAndFollow(sending: Sending): Promise<{ response: UpstreamResponse; target: URL }> {
  const { call, request, who, timeout, write, isAuthorized } = sending
  const { method, headers, body } = request
  const options = { method, headers, body, signal: timeout.signal }
  // Only what carries the user's token is for Sentry itself: its documentation and an AI provider may be on its hosts.
  const fetchAt = (url: URL): Promise<UpstreamResponse> =>
    isAuthorized ? fetchSentry(call.sentry, url, options) : fetch(url, { ...options, redirect: 'manual' })
  let target = request.url
  let response = await fetchAt(target)
  if (write !== undefined) write.status = response.status
  for (let hops = 0; isRedirect(response); hops += 1) {
    await response.body?.cancel()
    if (hops === MAX_REDIRECTS) throw new ToolFetchError(`${who} redirects in a circle.`)
    const next = URL.parse(response.headers.get('location') ?? '', target.href)
    const found = next !== null && isAuthorized ? call.sentry.publish(next) : next
    assertFollowed(found, target, isWrite(request), who)
    target = found
    // Sentry's redirect could leave the caller's organization or project.
    if (isAuthorized) assertDestination(call, target, method)
    response = await fetchAt(target)
  }
  return { response, target }
}

function noteResponse(call: UpstreamCall, { status, headers }: UpstreamResponse): void {
  call.hasRead = true
  if (status === 429 || status === 503) call.retryAfterSeconds = readRetryAfter(headers)
}

/** The error for the tool. Throws the reason of the call's signal if the client has disconnected. */
function toSendError(error: unknown, { call, request, who, timeout, timeoutMs, write }: Sending): unknown {
  if ([ToolFetchError, LargeFileError, UpstreamBusyError].some((kind) => error instanceof kind)) return error
  call.signal.throwIfAborted()
  if (write !== undefined && wasNotSent(error)) write.status = 0
  // After a write that Sentry may have carried out, trying again is not the advice.
  const advice = write === undefined || write.status === 0 ? ` ${RETRY}` : ''
  if (timeout.isOver) {
    return new ToolFetchTimeoutError(`${who} did not answer within ${timeoutMs / 1000} seconds.${advice}`)
  }
  if (request.signal?.aborted) return new ToolFetchTimeoutError(`${who} did not answer in time.${advice}`)
  const failure = new ToolFetchError(`${who} could not be reached.${advice}`, { cause: error })
  return who === 'Sentry' ? failure : new TypeError('fetch failed', { cause: failure })
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

/** Refuses to send the token to another host than Sentry, or beyond the caller's limits. */
function assertDestination({ sentry, caller }: UpstreamCall, url: URL, method: string): void {
  if (!sentry.owns(url)) {
    throw new ToolFetchError(`The user's access to Sentry cannot be used at ${url.host}.`)
  }
  const problem = findEscape({ url, method, sentry, constraints: caller.constraints })
  if (problem !== undefined) throw new OutOfReachError(problem)
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

function isWrite({ method }: ToolRequest): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(method)
}

/** The addresses of other hosts are the operator's affair, so that messages name what is there. */
function describeOther({ headers }: ToolRequest): string {
  const hasKey = ['authorization', 'x-api-key', 'api-key'].some((name) => headers.has(name))
  return hasKey ? 'The AI provider' : "Sentry's documentation"
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
        if (file !== undefined) throw leaveOut(call.leftOut, file)
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
    if (file !== undefined) throw leaveOut(call.leftOut, file)
    throw new ToolFetchError(`The response of ${who} is larger than ${MAX_BYTES / 1024 ** 2} MiB.`)
  }
}

async function readJson(response: Response): Promise<unknown> {
  return response
    .clone()
    .json()
    .catch(() => undefined)
}
