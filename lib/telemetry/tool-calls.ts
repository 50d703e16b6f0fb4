import type { FastifyBaseLogger } from 'fastify'
import type { ToolFailure } from '../mcp/tools/errors.ts'
import { isRecord } from '../mcp/transport/json-rpc.ts'
import type { Caller } from '../model/caller.ts'
import { CAUSE } from './error-log-channel.ts'
import type { Metrics } from './metrics.ts'
import { redactInput } from './redact.ts'
import type { Tracing } from './tracing.ts'

/** A call of a tool, as an operator is told of it: neither its arguments nor what came of them. */
export interface WatchedCall {
  /** One of the registry's names, or `unknown`. */
  tool: string
  /** The tool that calls it on behalf of the client. */
  via?: string
  caller: Pick<Caller, 'clientName' | 'subject'>
  signal: AbortSignal
  log: FastifyBaseLogger
}

export interface ToolCallWatch {
  /**
   * Runs a call, and when it has ended leaves one line in the log, a count and a span. Rejects as `work` does;
   * `describe` says what such an error means.
   */
  watch<Result>(
    call: WatchedCall,
    work: () => Promise<Result>,
    describe: (error: unknown) => ToolFailure,
  ): Promise<Result>
  /** The same for a call that was refused before it began. */
  noteRefusal(call: WatchedCall, outcome: 'unknown_tool' | 'not_granted'): void
}

export interface ToolCallWatchOptions {
  metrics: Pick<Metrics, 'noteToolCall'>
  tracing: Tracing
  /** How the audit log names a user. */
  hashSubject(subject: string): string | undefined
}

interface CallEnd {
  outcome: string
  /** In ms; undefined where it never began. */
  duration?: number
  error?: unknown
}

export function createToolCallWatch({ metrics, tracing, hashSubject }: ToolCallWatchOptions): ToolCallWatch {
  const watch: ToolCallWatch['watch'] = (call, work, describe) => {
    const facts = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': call.tool }
    const description = { name: `tools/call ${call.tool}`, kind: 'internal', facts } as const
    return tracing.trace(description, async (note) => {
      const startedAt = performance.now()
      const finish = (outcome: string, error?: unknown) => {
        if (outcome !== 'ok') note({ 'error.type': outcome })
        report(call, { outcome, duration: performance.now() - startedAt, error })
      }
      try {
        const result = await work()
        finish(isRecord(result) && result.isError === true ? 'tool_error' : 'ok')
        return result
      } catch (error) {
        finish(call.signal.aborted ? 'cancelled' : describe(error).outcome, error)
        throw error
      }
    })
  }

  function report({ tool, via, caller, log }: WatchedCall, { outcome, duration, error }: CallEnd): void {
    metrics.noteToolCall({ tool, outcome, duration })
    const line = {
      tool,
      via,
      client: caller.clientName,
      user: hashSubject(caller.subject),
      duration: duration === undefined ? undefined : Math.round(duration),
      outcome,
    }
    if (outcome === 'unexpected') {
      log.error({ ...line, reason: explain(error, 'stack'), [CAUSE]: error }, 'tool call')
    } else if (error === undefined || outcome === 'cancelled') log.info(line, 'tool call')
    else log.info({ ...line, reason: explain(error, 'message') }, 'tool call')
  }

  return { watch, noteRefusal: (call, outcome) => report(call, { outcome }) }
}

/** An error and its causes, for the log. They may repeat what Sentry said, and that what it was sent. */
function explain(error: unknown, detail: 'message' | 'stack', depth = 4): string {
  if (!(error instanceof Error) || depth === 0) return redactInput(String(error))
  const text = redactInput(error[detail] ?? error.message)
  return error.cause === undefined ? text : `${text}; caused by: ${explain(error.cause, detail, depth - 1)}`
}
