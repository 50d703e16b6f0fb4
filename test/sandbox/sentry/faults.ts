import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refuseOverLimit } from './rate-limit.ts'

/** What goes wrong at Sentry, or on the way to it. */
export type Fault =
  /** A response of that status; `retryAfter` is the header's value, seconds or a date. */
  | { kind: 'status'; status: number; body?: unknown; retryAfter?: number | string }
  /** A 401 by which Sentry requires something of the user; the token is good. */
  | { kind: 'required-action'; code: RequiredAction }
  /** A 429 of Sentry's own limiter, whose window ends after so many seconds. */
  | { kind: 'rate-limited'; seconds: number }
  /** The page of the nginx in front of Sentry: 502 while `web` restarts, 504 where it takes too long. */
  | { kind: 'nginx'; status: 502 | 504 }
  /** A web page where JSON belongs, as maintenance pages and captive proxies send it. */
  | { kind: 'html'; status?: number }
  /** The response only after that many ms, and what the request asks for does not happen before. */
  | { kind: 'hang'; ms: number }
  /** The true response, one byte a second. */
  | { kind: 'drip' }
  /** The first half of the true response, as if it were all. */
  | { kind: 'truncated' }
  /** The true response under another media type. */
  | { kind: 'content-type'; type: string }
  | { kind: 'redirect-loop' }
  /** 50 MB of valid JSON. */
  | { kind: 'huge-body' }
  /** 1 MB on the wire that unpacks to 1 GB. */
  | { kind: 'gzip-bomb' }
  /** The connection is reset before the request is looked at. */
  | { kind: 'reset' }
  /** What the request asks for happens, and the connection is reset in place of the response. */
  | { kind: 'lost-answer' }

export type RequiredAction = 'sso-required' | '2fa-required' | 'member-disabled-over-limit'

/** What Sentry writes beside each code. */
const REQUIRED_ACTIONS: Record<RequiredAction, { message: string; extra: Record<string, string> }> = {
  'sso-required': {
    message: 'Must login via SSO',
    extra: { loginUrl: '/auth/login/tidewater-books/' },
  },
  '2fa-required': {
    message: 'Organization requires two-factor authentication to be enabled',
    extra: {},
  },
  'member-disabled-over-limit': {
    message: 'Organization over member limit',
    extra: { next: '/organizations/tidewater-books/disabled-member/' },
  },
}

export interface Faults {
  /**
   * Makes requests fail. `match` is the beginning of a path, `/oauth/token/`, with a method before it where only one is
   * meant: `POST /oauth/token/`. `count` requests fail, by default all of them. A later fault comes before an earlier
   * one. Returns a function that lifts the fault.
   */
  fail(match: string, fault: Fault, count?: number): () => void
  /** Lifts every fault. */
  heal(): void
}

interface Rule {
  method: string | undefined
  path: string
  fault: Fault
  remaining: number
}

const HUGE_BODY_BYTES = 50 * 1024 * 1024
const CHUNK = 'a'.repeat(64 * 1024)
const MEGABYTE_OF_SPACES = 1024 * 1024

/** Puts fault injection in front of every route that is registered afterwards. */
export function registerFaults(app: FastifyInstance): Faults {
  const rules: Rule[] = []
  const closing = new AbortController()
  const faults = new WeakMap<FastifyRequest, Fault>()

  app.addHook('onRequest', async (request, reply) => {
    const rule = rules.find((candidate) => applies(candidate, request))
    if (rule === undefined) return
    rule.remaining -= 1
    faults.set(request, rule.fault)
    return breakBefore(rule.fault, request, reply)
  })

  app.addHook('onSend', async (request, reply, payload: unknown) => {
    const fault = faults.get(request)
    return fault === undefined ? payload : breakResponse(fault, request, reply, payload)
  })

  app.addHook('preClose', async () => closing.abort())

  async function breakBefore(fault: Fault, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    switch (fault.kind) {
      case 'status':
        if (fault.retryAfter !== undefined) reply.header('retry-after', String(fault.retryAfter))
        return reply.code(fault.status).send(fault.body ?? { detail: 'Internal Error' })
      case 'required-action': {
        const detail = { code: fault.code, ...REQUIRED_ACTIONS[fault.code] }
        return reply.code(401).header('www-authenticate', 'Bearer realm="api"').send({ detail })
      }
      case 'rate-limited':
        return refuseOverLimit(reply, fault.seconds)
      case 'nginx':
        return reply
          .code(fault.status)
          .type('text/html')
          .header('server', 'nginx')
          .send(renderNginxPage(fault.status))
      case 'html':
        return reply
          .code(fault.status ?? 200)
          .type('text/html; charset=utf-8')
          .send('<!DOCTYPE html><html><body><h1>We are doing some maintenance</h1></body></html>')
      case 'hang':
        await delay(fault.ms, undefined, { signal: closing.signal }).catch(() => undefined)
        // A client that gave up must not find later that its request was carried out.
        if (request.raw.socket.destroyed || closing.signal.aborted) return reply.hijack()
        return undefined
      case 'redirect-loop':
        return reply.redirect(request.url, 302)
      case 'huge-body':
        return reply.type('application/json').send(Readable.from(writeHugeJson()))
      case 'gzip-bomb':
        return reply
          .type('application/json')
          .header('content-encoding', 'gzip')
          .send(Readable.from(writeGzipBomb()))
      case 'reset':
        request.raw.socket.resetAndDestroy()
        return reply.hijack()
      default:
        return undefined
    }
  }

  function breakResponse(
    fault: Fault,
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
  ): unknown {
    const text = typeof payload === 'string' ? payload : ''
    switch (fault.kind) {
      case 'drip':
        reply.removeHeader('content-length')
        return Readable.from(drip(text, closing.signal))
      case 'truncated':
        reply.removeHeader('content-length')
        return text.slice(0, text.length / 2)
      case 'content-type':
        reply.type(fault.type)
        return payload
      case 'lost-answer':
        request.raw.socket.resetAndDestroy()
        return payload
      default:
        return payload
    }
  }

  return {
    fail(match, fault, count = Number.POSITIVE_INFINITY) {
      const space = match.indexOf(' ')
      const rule: Rule = {
        method: space === -1 ? undefined : match.slice(0, space),
        path: match.slice(space + 1),
        fault,
        remaining: count,
      }
      rules.unshift(rule)
      return () => {
        rule.remaining = 0
      }
    },
    heal() {
      rules.length = 0
    },
  }
}

function renderNginxPage(status: 502 | 504): string {
  const title = status === 502 ? '502 Bad Gateway' : '504 Gateway Time-out'
  const head = `<html>\r\n<head><title>${title}</title></head>\r\n`
  return `${head}<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`
}

function applies(rule: Rule, request: FastifyRequest): boolean {
  if (rule.remaining <= 0) return false
  return request.url.startsWith(rule.path) && (rule.method === undefined || rule.method === request.method)
}

function* writeHugeJson(): Generator<string> {
  yield '{"detail":"'
  for (let sent = 0; sent < HUGE_BODY_BYTES; sent += CHUNK.length) yield CHUNK
  yield '"}'
}

/** A gzip file may have many members, so one compressed megabyte of spaces is enough to send a thousand. */
function* writeGzipBomb(): Generator<Buffer> {
  const member = gzipSync(Buffer.alloc(MEGABYTE_OF_SPACES, ' '))
  for (let sent = 0; sent < 1024; sent += 1) yield member
  yield gzipSync('{}')
}

async function* drip(text: string, signal: AbortSignal): AsyncGenerator<string> {
  for (const character of text) {
    yield character
    try {
      await delay(1000, undefined, { signal })
    } catch {
      return
    }
  }
}
