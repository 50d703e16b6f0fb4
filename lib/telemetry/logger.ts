import type { FastifyRequest } from 'fastify'
import { publishErrorLine } from './error-log-channel.ts'
import { redactPath } from './redact.ts'

/**
 * Fastify's logger options. Headers, tokens and secrets are not logged, and neither are the queries of requests, which
 * carry codes and states. With `reportsErrors`, lines at level error and fatal are published for error reports.
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
  return { method: request.method, path: redactPath(path), ip: request.ip }
}
