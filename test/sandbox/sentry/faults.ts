import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** What goes wrong at Sentry, or on the way to it. */
export type Fault =
  /** An answer of that status; `retryAfter` is the header's value, seconds or a date. */
  | { kind: 'status'; status: number; body?: unknown; retryAfter?: number | string }
  /** A web page where JSON belongs, as maintenance pages and captive proxies send it. */
  | { kind: 'html'; status?: number }
  /** Nothing for that many ms, then the answer. What the request asked for has not happened until then. */
  | { kind: 'hang'; ms: number }
  /** The true answer, one byte a second. */
  | { kind: 'drip' }
  /** The first half of the true answer, as if it were all. */
  | { kind: 'truncated' }
  /** The true answer under another media type. */
  | { kind: 'content-type'; type: string }
  | { kind: 'redirect-loop' }
  /** 50 MB of valid JSON. */
  | { kind: 'huge-body' }
  /** 1 MB on the wire that unpacks to 1 GB. */
  | { kind: 'gzip-bomb' }
  /** The connection is reset before the request is looked at. */
  | { kind: 'reset' }
  /** What the request asked for happens, and the connection is reset instead of the answer. */
  | { kind: 'lost-answer' }

export interface Faults {
  /**
   * Makes requests fail. `match` is the beginning of a path, `/oauth/token/`, with a method before it if only
   * one is meant: `POST /oauth/token/`. `count` is how many requests fail, by default all of them. What was
   * added last is looked at first. Returns a function that lifts the fault.
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
    return fault === undefined ? payload : breakAnswer(fault, request, reply, payload)
  })

  app.addHook('preClose', async () => closing.abort())

  async function breakBefore(fault: Fault, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    switch (fault.kind) {
      case 'status':
        if (fault.retryAfter !== undefined) reply.header('retry-after', String(fault.retryAfter))
        return reply.code(fault.status).send(fault.body ?? { detail: 'Internal Error' })
      case 'html':
        return reply
          .code(fault.status ?? 200)
          .type('text/html; charset=utf-8')
          .send('<!DOCTYPE html><html><body><h1>We are doing some maintenance</h1></body></html>')
      case 'hang':
        await delay(fault.ms, undefined, { signal: closing.signal }).catch(() => undefined)
        // Whoever gave up must not find later that it happened all the same.
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

  function breakAnswer(
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
