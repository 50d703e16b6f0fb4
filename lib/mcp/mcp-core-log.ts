import type { FastifyBaseLogger } from 'fastify'
import type { LogEntry, McpCore } from './mcp-core-types.ts'
import { redactValue } from './redact.ts'

const LEVELS = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  fatal: 'error',
} as const satisfies Record<LogEntry['level'], keyof FastifyBaseLogger>

/**
 * Sends what mcp-core logs to `log` instead of the console, without credentials. What Sentry answered is only
 * written at level debug.
 */
export function routeMcpCoreLogs(core: McpCore, log: FastifyBaseLogger): void {
  const service = ({ level, category, message, properties }: LogEntry) => {
    const { severity: _, bodyPreview, ...rest } = properties
    const fields = redactValue({ ...rest, category: category.join('.') }) as Record<string, unknown>
    log[LEVELS[level]](fields, String(redactValue(message.join(''))))
    if (bodyPreview !== undefined) {
      log.debug({ category: fields.category, bodyPreview: redactValue(bodyPreview) }, 'what Sentry answered')
    }
  }
  core.configureSync({
    reset: true,
    sinks: { service },
    loggers: [
      { category: ['sentry', 'mcp'], sinks: ['service'], lowestLevel: 'debug' },
      { category: ['logtape', 'meta'], sinks: ['service'], lowestLevel: 'warning' },
    ],
  })
}
