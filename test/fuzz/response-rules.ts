import type { LightMyRequestResponse as Response } from 'fastify'
import { parseForms } from '../sandbox/browser/html-form.ts'

/** RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 7591 §3.2.2, RFC 8707 §2. */
const REGISTERED_CODES = new Set([
  ...['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type'],
  ...[
    'unsupported_response_type',
    'invalid_scope',
    'access_denied',
    'server_error',
    'temporarily_unavailable',
  ],
  ...['invalid_redirect_uri', 'invalid_client_metadata', 'invalid_target', 'invalid_token'],
])

const STATUSES: Record<string, number> = { invalid_client: 401, temporarily_unavailable: 503 }

/** RFC 6749 §5.2: ASCII without quotes and backslashes. */
const DESCRIPTION = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/

const PAGE_HEADERS: Record<string, RegExp> = {
  'content-type': /^text\/html; charset=utf-8$/,
  'content-security-policy':
    /^default-src 'none';style-src 'sha256-[^']+';img-src 'self';frame-ancestors 'none';base-uri 'none'$/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'referrer-policy': /^same-origin$/,
  'cache-control': /^no-store$/,
}

/** A response breaks a rule of its endpoint. */
class BrokenRuleError extends Error {
  override readonly name = 'BrokenRuleError'
}

export function expect(holds: boolean, rule: string, response: Response): asserts holds {
  if (holds) return
  const headers = JSON.stringify(response.headers)
  throw new BrokenRuleError(`${rule}\n${response.statusCode} ${headers}\n${response.payload.slice(0, 600)}`)
}

/** The rules of every response of every endpoint; 503 is allowed where `mayBeUnavailable`. */
export function assertAnyResponse(response: Response, mayBeUnavailable: boolean): void {
  const isFine = response.statusCode < 500 || (mayBeUnavailable && response.statusCode === 503)
  expect(isFine, 'malformed input is never an error of the server', response)
  for (const value of Object.values(response.headers).flat()) {
    expect(/^[\t\x20-\x7e]*$/.test(String(value)), 'headers are ASCII without control characters', response)
    expect(!String(value).includes('ZQ<'), 'headers contain no unescaped input', response)
  }
}

/** RFC 6749 §5.2: an error in JSON. */
export function assertOAuthError(response: Response): void {
  const { error, error_description: description, ...rest } = readJson(response)
  expect(typeof error === 'string' && REGISTERED_CODES.has(error), 'the error code is registered', response)
  expect(
    typeof description === 'string' && DESCRIPTION.test(description),
    'the description is ASCII',
    response,
  )
  expect(Object.keys(rest).length === 0, 'an OAuth error has no other members', response)
  expect(response.headers['cache-control'] === 'no-store', 'OAuth responses are not cached', response)
  const status = STATUSES[error] ?? 400
  expect(response.statusCode === status, `${error} has status ${status}`, response)
}

/** A page for a person, with all the security headers. */
export function assertPage(response: Response): void {
  for (const [name, form] of Object.entries(PAGE_HEADERS)) {
    expect(form.test(String(response.headers[name])), `a page has ${name}`, response)
  }
  const { payload } = response
  expect(
    payload.startsWith('<!doctype html>') && payload.endsWith('</html>\n'),
    'a page is complete',
    response,
  )
  // The page closes its own elements after input; a client's name loses its quotation marks.
  const unescaped = /ZQ<(?!\/(?:bdi|span|small)>)|<"'&>|<&>|<\/title>ZQ/
  expect(!unescaped.test(payload), 'a page contains no unescaped input', response)
  expect(
    !/[\p{Cf}\p{Cs}\p{Co}]|(?!\n)\p{Cc}/u.test(payload),
    'a page contains no control characters',
    response,
  )
  const forms = parseForms(payload, new URL('http://localhost/'))
  const active =
    /<[^>]* on\w+=|<script|<img (?!src="\/icon\.png" alt="")|<iframe|(href|src|action)="(?!https?:|\/)/i.test(
      payload,
    )
  expect(!active && forms.length <= 1, 'a page has no script and at most one form', response)
}

/** RFC 6749 §4.1.2 and §4.1.2.1, RFC 9207: a response to the client goes only to its registered redirect URI. */
export function assertRedirect(
  response: Response,
  { registered, issuer, state }: { registered: string; issuer: string; state?: string | undefined },
): void {
  const location = String(response.headers.location)
  expect(location.startsWith(`${registered}?`), `only ${registered} is redirected to`, response)
  const { searchParams } = new URL(location)
  expect(searchParams.get('iss') === issuer, 'the response has the issuer', response)
  expect(
    state === undefined || searchParams.get('state') === state,
    'state comes back as it was sent',
    response,
  )
  const [error, description] = [searchParams.get('error'), searchParams.get('error_description')]
  expect(searchParams.has('code') !== (error !== null), 'the response is a code or an error', response)
  if (error !== null) {
    expect(REGISTERED_CODES.has(error), 'the error code is registered', response)
    expect(DESCRIPTION.test(description ?? ''), 'the description is ASCII', response)
  }
}

/** JSON-RPC 2.0 §5, MCP Streamable HTTP: a message, a list of them, an event stream of them, or nothing (202). */
export function assertJsonRpc(response: Response): void {
  expect(response.headers['x-content-type-options'] === 'nosniff', 'browsers do not render it', response)
  if (response.statusCode === 202) {
    expect(response.payload === '', '202 has no body', response)
    return
  }
  const type = String(response.headers['content-type'])
  const messages = type.startsWith('text/event-stream') ? readEvents(response) : [readJson(response)].flat()
  expect(messages.length > 0, 'the body has a message', response)
  for (const message of messages) {
    expect(message.jsonrpc === '2.0', 'a message is JSON-RPC 2.0', response)
    if ('method' in message) continue
    expect(
      ['string', 'number'].includes(typeof message.id) || message.id === null,
      'a response has an id',
      response,
    )
    if (isRecord(message.result)) continue
    const { error } = message
    expect(isRecord(error) && Number.isInteger(error.code), 'an error has a code', response)
    expect(typeof error.message === 'string' && error.message !== '', 'an error has a message', response)
    expect(error.code !== -32603, 'malformed input is not an internal error', response)
  }
  if (response.statusCode !== 401) return
  const challenge = String(response.headers['www-authenticate'])
  expect(/^Bearer .*resource_metadata="http/.test(challenge), '401 says where to sign in', response)
}

export function readJson(response: Response): Record<string, unknown> {
  expect(
    /^application\/json\b/.test(String(response.headers['content-type'])),
    'the response is JSON',
    response,
  )
  return JSON.parse(response.payload)
}

function readEvents(response: Response): Record<string, unknown>[] {
  const lines = response.payload.split('\n').filter((line) => line.startsWith('data: '))
  return lines.map((line) => JSON.parse(line.slice('data: '.length)))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
