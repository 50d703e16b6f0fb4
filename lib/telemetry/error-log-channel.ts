import { channel } from 'node:diagnostics_channel'
import type { FastifyServerOptions } from 'fastify'

/** A log line at level error or fatal, from which an error report is made. */
export interface ErrorLine {
  level: 'error' | 'fatal'
  message: string | undefined
  error: unknown
  /** The fields of the line, including those of its request. */
  fields: Readonly<Record<string, unknown>>
}

/** The key under which a line carries its error when `err` should not be logged: pino ignores symbols. */
export const CAUSE = Symbol('cause')

const ERROR_LEVEL = 50
const FATAL_LEVEL = 60

const lines = channel('sentry-mcp:error-line')

type LoggerOptions = Exclude<FastifyServerOptions['logger'], boolean | undefined>
type LogMethod = NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']>

/** A hook for pino that publishes lines at level error and fatal. Lines below LOG_LEVEL are not published. */
export const publishErrorLine: LogMethod = function publishErrorLine(args, method, level) {
  if (level >= ERROR_LEVEL) lines.publish(readLine(args, this.bindings(), level))
  return method.apply(this, args)
}

/** Calls `listen` for every published line of this process. Returns a function that unsubscribes. */
export function onErrorLine(listen: (line: ErrorLine) => void): () => void {
  const listener = (line: unknown) => listen(line as ErrorLine)
  lines.subscribe(listener)
  return () => void lines.unsubscribe(listener)
}

function readLine(args: readonly unknown[], bindings: Record<string, unknown>, level: number): ErrorLine {
  const [first, second] = args
  const message = typeof first === 'string' ? first : typeof second === 'string' ? second : undefined
  const given = typeof first === 'object' && first !== null ? (first as Record<PropertyKey, unknown>) : {}
  return {
    level: level >= FATAL_LEVEL ? 'fatal' : 'error',
    message,
    error: given instanceof Error ? given : (given[CAUSE] ?? given.err),
    fields: { ...bindings, ...given },
  }
}
