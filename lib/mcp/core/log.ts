import type { FastifyBaseLogger } from 'fastify'
import { redactValue } from '../../telemetry/redact.ts'
import { findUpstreamCall } from '../../upstream/tool-call.ts'
import type { LogEntry, McpCore } from './types.ts'

/**
 * What mcp-core reports as an error can be a user's wrong slug, so here it is a warning. A tool call that fails through a
 * fault of this server is logged as an error with the call.
 */
const LEVELS = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'warn',
  fatal: 'error',
} as const satisfies Record<LogEntry['level'], keyof FastifyBaseLogger>

/** Process-wide, as mcp-core's logger is. */
let target: FastifyBaseLogger | undefined

/**
 * Sends mcp-core's log entries to `log` instead of the console, without credentials. Bodies of Sentry's responses are
 * logged at level debug only. The last call of this in a process wins. LogTape is configured once, because each
 * configuration adds a listener to the process.
 */
export function routeMcpCoreLogs(core: McpCore, log: FastifyBaseLogger): void {
  if (target === undefined) configureLogging(core)
  target = log
}

function configureLogging(core: McpCore): void {
  core.configureSync({
    reset: true,
    sinks: { service: writeEntry },
    loggers: [
      { category: ['sentry', 'mcp'], sinks: ['service'], lowestLevel: 'debug' },
      { category: ['logtape', 'meta'], sinks: ['service'], lowestLevel: 'warning' },
    ],
  })
}

function writeEntry({ level, category, message, properties }: LogEntry): void {
  const { severity: _, bodyPreview, ...rest } = properties
  const text = message.join('')
  // A tool that can do without what an older Sentry lacks reports that as its error at every call.
  const isExpected = text === findUpstreamCall()?.shortcoming
  const fields = redactValue({ ...rest, category: category.join('.') }) as Record<string, unknown>
  target?.[isExpected ? 'debug' : LEVELS[level]](fields, String(redactValue(text)))
  if (bodyPreview !== undefined) {
    target?.debug({ category: fields.category, bodyPreview: redactValue(bodyPreview) }, 'response of Sentry')
  }
}
