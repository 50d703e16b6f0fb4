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
    /^default-src 'none';style-src 'sha256-[^']+';frame-ancestors 'none';base-uri 'none'$/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'referrer-policy': /^same-origin$/,
  'cache-control': /^no-store$/,
}

/** An answer that breaks a rule of its endpoint. */
class BrokenRuleError extends Error {
  override readonly name = 'BrokenRuleError'
}

export function expect(holds: boolean, rule: string, answer: Response): asserts holds {
  if (holds) return
  const headers = JSON.stringify(answer.headers)
  throw new BrokenRuleError(`${rule}\n${answer.statusCode} ${headers}\n${answer.payload.slice(0, 600)}`)
}

/** What holds for every answer of every endpoint; `mayBeAway` says whether something could be that it needs. */
export function checkAnyAnswer(answer: Response, mayBeAway: boolean): void {
  const isFine = answer.statusCode < 500 || (mayBeAway && answer.statusCode === 503)
  expect(isFine, 'bad input is never an error of the server', answer)
  for (const value of Object.values(answer.headers).flat()) {
    expect(/^[\t\x20-\x7e]*$/.test(String(value)), 'headers are ASCII without control characters', answer)
    expect(!String(value).includes('ZQ<'), 'headers hold nothing unescaped', answer)
  }
}

/** RFC 6749 §5.2: an error of an endpoint that speaks JSON. */
export function checkOAuthError(answer: Response): void {
  const { error, error_description: description, ...rest } = readJson(answer)
  expect(
    typeof error === 'string' && REGISTERED_CODES.has(error),
    'the error code is a registered one',
    answer,
  )
  expect(typeof description === 'string' && DESCRIPTION.test(description), 'the description is ASCII', answer)
  expect(Object.keys(rest).length === 0, 'an OAuth error has nothing else', answer)
  expect(answer.headers['cache-control'] === 'no-store', 'no answer of OAuth is kept', answer)
  const status = STATUSES[error] ?? 400
  expect(answer.statusCode === status, `${error} has status ${status}`, answer)
}

/** A page for a person, with every header that a page of ours has. */
export function checkPage(answer: Response): void {
  for (const [name, form] of Object.entries(PAGE_HEADERS)) {
    expect(form.test(String(answer.headers[name])), `a page has ${name}`, answer)
  }
  const { payload } = answer
  expect(payload.startsWith('<!doctype html>') && payload.endsWith('</html>\n'), 'a page is whole', answer)
  expect(!/ZQ<|<"'&>|<\/title>ZQ/.test(payload), 'a page holds nothing unescaped', answer)
  expect(!/[\p{Cf}\p{Cs}\p{Co}]|(?!\n)\p{Cc}/u.test(payload), 'a page holds no control characters', answer)
  const forms = parseForms(payload, new URL('http://localhost/'))
  const active = /<[^>]* on\w+=|<script|<img|<iframe|(href|src|action)="(?!https?:|\/)/i.test(payload)
  expect(!active && forms.length <= 1, 'a page has no script and at most one form', answer)
}

/** RFC 6749 §4.1.2 and §4.1.2.1, RFC 9207: the answer went to a client, which can be only where it registered. */
export function checkRedirect(
  answer: Response,
  { registered, issuer, state }: { registered: string; issuer: string; state?: string | undefined },
): URLSearchParams {
  const location = String(answer.headers.location)
  expect(location.startsWith(`${registered}?`), `only ${registered} is redirected to`, answer)
  const { searchParams } = new URL(location)
  expect(searchParams.get('iss') === issuer, 'the answer says who it is from', answer)
  expect(
    state === undefined || searchParams.get('state') === state,
    'state comes back as it was sent',
    answer,
  )
  const [error, description] = [searchParams.get('error'), searchParams.get('error_description')]
  expect(searchParams.has('code') !== (error !== null), 'the answer is a code or an error', answer)
  if (error !== null) {
    expect(REGISTERED_CODES.has(error), 'the error code is a registered one', answer)
    expect(DESCRIPTION.test(description ?? ''), 'the description is ASCII', answer)
  }
  return searchParams
}

/** JSON-RPC 2.0 §5, MCP Streamable HTTP: a message, a list of them, an event stream of them, or nothing (202). */
export function checkJsonRpc(answer: Response): void {
  expect(answer.headers['x-content-type-options'] === 'nosniff', 'nobody takes it for a page', answer)
  if (answer.statusCode === 202) {
    expect(answer.payload === '', 'accepted, with nothing to say', answer)
    return
  }
  const type = String(answer.headers['content-type'])
  const messages = type.startsWith('text/event-stream') ? readEvents(answer) : [readJson(answer)].flat()
  expect(messages.length > 0, 'there is a message', answer)
  for (const message of messages) {
    expect(message.jsonrpc === '2.0', 'a message is of JSON-RPC 2.0', answer)
    if ('method' in message) continue
    expect(['string', 'number'].includes(typeof message.id) || message.id === null, 'it has an id', answer)
    if (isRecord(message.result)) continue
    const { error } = message
    expect(isRecord(error) && Number.isInteger(error.code), 'an error has a code', answer)
    expect(typeof error.message === 'string' && error.message !== '', 'an error has a message', answer)
    expect(error.code !== -32603, 'bad input is no internal error', answer)
  }
  if (answer.statusCode !== 401) return
  const challenge = String(answer.headers['www-authenticate'])
  expect(/^Bearer .*resource_metadata="http/.test(challenge), '401 says where to sign in', answer)
}

export function readJson(answer: Response): Record<string, unknown> {
  expect(/^application\/json\b/.test(String(answer.headers['content-type'])), 'the answer is JSON', answer)
  return JSON.parse(answer.payload)
}

function readEvents(answer: Response): Record<string, unknown>[] {
  const lines = answer.payload.split('\n').filter((line) => line.startsWith('data: '))
  return lines.map((line) => JSON.parse(line.slice('data: '.length)))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
