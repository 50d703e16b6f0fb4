import { channel } from 'node:diagnostics_channel'
import type { FastifyServerOptions } from 'fastify'

/** What an error report is made of: a line of the log at level error or fatal. */
export interface ErrorLine {
  level: 'error' | 'fatal'
  message: string | undefined
  error: unknown
  /** The fields of the line, those of its request among them. */
  fields: Readonly<Record<string, unknown>>
}

/** Under this a line carries the error it tells of in its own words. pino writes no symbols. */
export const CAUSE = Symbol('cause')

const ERROR = 50
const FATAL = 60

const lines = channel('sentry-mcp:serious-line')

type LoggerOptions = Exclude<FastifyServerOptions['logger'], boolean | undefined>
type LogMethod = NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']>

/** pino's hook that tells of serious lines. A line that LOG_LEVEL hides is not told of. */
export const publishErrorLine: LogMethod = function publishErrorLine(args, method, level) {
  if (level >= ERROR) lines.publish(readLine(args, this.bindings(), level))
  return method.apply(this, args)
}

/** Listens to the serious lines of this process. Returns a function that ends it. */
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
    level: level >= FATAL ? 'fatal' : 'error',
    message,
    error: given instanceof Error ? given : (given[CAUSE] ?? given.err),
    fields: { ...bindings, ...given },
  }
}
