import type { FastifyRequest } from 'fastify'
import { publishErrorLine } from './error-log-channel.ts'
import { redactInput } from './redact.ts'

/** Paths of this length or more may hold a token, and are redacted before they are logged. */
const LONGEST_PLAIN_PATH = 40

/**
 * Fastify's logger options. No header, token or secret is logged, and a request is logged without its query, which
 * carries codes and states. `reportsErrors`: lines at level error and fatal are published for error reports.
 */
export function createLoggerOptions({ level, reportsErrors }: { level: string; reportsErrors: boolean }) {
  return {
    level,
    redact: {
      paths: ['req.headers', 'res.headers', '*.access_token', '*.refresh_token', '*.client_secret'],
      censor: '[redacted]',
    },
    serializers: { req: serializeRequest },
    ...(reportsErrors && { hooks: { logMethod: publishErrorLine } }),
  }
}

function serializeRequest(request: FastifyRequest) {
  const [path = ''] = request.url?.split('?') ?? []
  const shown = path.length < LONGEST_PLAIN_PATH ? path : redactInput(path)
  return { method: request.method, path: shown, ip: request.ip }
}
